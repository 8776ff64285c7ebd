"""The exit codes of the command."""

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_USAGE", "HELP", "HELP_PLAN"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count

HELP = (
    "Exit codes: 0 all went well; 1 the run failed, the file raised, or the compared results "
    "differ; 2 the command was called wrongly; 130 interrupted by Ctrl-C."
)
HELP_PLAN = (
    "Exit codes: 0 a plan was found, also where Ctrl-C ended the search; 2 the file or an option is wrong; "
    "130 interrupted by Ctrl-C before there was a plan."
)

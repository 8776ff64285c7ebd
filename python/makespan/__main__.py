"""`python -m makespan`: the same as the command `makespan`."""

import sys

from makespan.cli import main

if __name__ == "__main__":
    sys.exit(main())

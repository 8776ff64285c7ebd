"""The commands, as typer sees them. What they decide stands in the modules beside this one."""

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import makespan as ms
from makespan.cli import codes, explaining, planning
from makespan.cli import doctor as diagnosis
from makespan.cli.arguments import UsageError, bind_arguments, parse_arguments, parse_target
from makespan.cli.loading import (
    FileFailedError,
    Runnable,
    find_workflow,
    load_file,
    signature_of,
)
from makespan.cli.progress import live_line
from makespan.cli.summary import (
    failure_json,
    format_failures,
    format_summary,
    result_json,
)
from makespan.formats import read_problem
from makespan.testing import first_difference

__all__ = ["run_app"]

app = typer.Typer(
    name="makespan",
    help="Run workflows of plain Python functions in less time.",
    epilog=codes.HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run_app(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    try:
        app(args=list(arguments), prog_name="makespan")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else codes.EXIT_FAILED
    except KeyboardInterrupt:
        return codes.EXIT_INTERRUPTED
    return codes.EXIT_OK


def print_version(wanted: bool) -> None:
    """Answer `--version` before anything else is looked at."""
    if wanted:
        typer.echo(diagnosis.version_line())
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print version and exit.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    """Hold the options that stand before the command."""


@app.command(epilog=codes.HELP)
def run(
    target: Annotated[str, typer.Argument(metavar="FILE.py:WORKFLOW", help="A file and the workflow in it.")],
    arg: Annotated[
        list[str] | None,
        typer.Option(
            "--arg",
            metavar="NAME=VALUE",
            help="A parameter of the workflow: a Python literal where it reads as one, "
            "otherwise a string. May be given several times.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many steps run at once; by default all cores.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="How the run is decided.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the summary.")] = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Then run it as plain Python; print speed-up and equality."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Call no step, only the body: tell what would be run, left out, batched and reused, in which order, "
            "and how long that is expected to take.",
        ),
    ] = False,
) -> None:
    """Run a workflow of a Python file, show its progress and say where the time went."""
    if dry_run and compare:
        complain("makespan: --compare runs it, --dry-run does not: give one of them")
        raise typer.Exit(codes.EXIT_USAGE)
    workflow, arguments = loaded(target, arg or [], strategy)
    if dry_run:
        raise typer.Exit(tell_plan(workflow, arguments, workers, strategy, as_json))
    raise typer.Exit(carry_out(workflow, arguments, workers, strategy, as_json, compare))


@app.command(help=explaining.HELP, epilog=codes.HELP)
def explain(
    target: Annotated[str, typer.Argument(metavar="FILE.py:WORKFLOW", help="A file and the workflow in it.")],
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="A parameter of the workflow, as for run.")
    ] = None,
    run_it: Annotated[bool, typer.Option("--run", help="Run it, and tell what the time was made of.")] = False,
    node: Annotated[
        str | None, typer.Option(metavar="PATH", help="With --run: tell about one node, such as load[3].")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --run: how many steps run at once; by default all cores.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="With --run: how the run is decided.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Tell what would be done with a workflow, or what was."""
    if node is not None and not run_it:
        complain("makespan: --node tells what happened to a node: it takes --run")
        raise typer.Exit(codes.EXIT_USAGE)
    workflow, arguments = loaded(target, arg or [], strategy)
    raise typer.Exit(explain_it(workflow, arguments, run_it, node, workers, strategy, as_json))


def loaded(target: str, texts: Sequence[str], strategy: str) -> tuple[Runnable, dict[str, object]]:
    """Return the workflow that is meant and its arguments; end the command where that cannot be."""
    try:
        chosen = parse_target(target)
        arguments = parse_arguments(texts)
        workflow = find_workflow(load_file(chosen.file), chosen)
        bind_arguments(signature_of(workflow), arguments)
        check_strategy(strategy)
    except UsageError as error:
        complain(f"makespan: {error}")
        raise typer.Exit(codes.EXIT_USAGE) from None
    except FileFailedError as error:
        complain(f"makespan: {error} raised while it was loaded")
        traceback.print_exception(error.__cause__)
        raise typer.Exit(codes.EXIT_FAILED) from None
    except KeyboardInterrupt:
        complain("makespan: interrupted")
        raise typer.Exit(codes.EXIT_INTERRUPTED) from None
    return workflow, arguments


def explain_it(
    workflow: Runnable,
    arguments: dict[str, object],
    run_it: bool,
    node: str | None,
    workers: int | None,
    strategy: str,
    as_json: bool,
) -> int:
    """Explain, and return the exit code."""
    try:
        # A built workflow is described already: its arguments are those of a run.
        given = arguments if isinstance(workflow, ms.WorkflowFunction) else {}
        rewriting = ms.WorkflowOptimizer().optimize(workflow, **given)
        result = run_watched(workflow, arguments, workers, strategy)[0] if run_it else None
        told = None if result is None else result.explain(node)
    except KeyboardInterrupt as interrupt:
        complain("\n".join(["makespan: interrupted", *getattr(interrupt, "__notes__", ())]))
        return codes.EXIT_INTERRUPTED
    except ms.RunFailedError as error:
        complain(format_failures(error))
        return codes.EXIT_FAILED
    except ms.ExecutionException as error:
        complain(f"makespan: {error}")
        return codes.EXIT_FAILED
    if as_json:
        data = rewriting.to_dict() if result is None else {**rewriting.to_dict(), "run": result.analyze().to_dict()}
        print(json.dumps(data, indent=2))
        return codes.EXIT_OK
    if node is None:
        show_rows(explaining.format_rewriting(rewriting))
    if told is not None:
        print(told if node is not None else f"\n{told}")
    return codes.EXIT_OK


@app.command(help=planning.HELP, epilog=codes.HELP_PLAN)
def plan(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="PSPLIB (.sm, .mm), Patterson (.rcp), or WfFormat of WfCommons (.json)."),
    ],
    cores: Annotated[
        int | None,
        typer.Option(min=1, help="How many cores there are; by default those that the file names."),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=AMOUNT",
            help="How much there is of a resource, instead of what the file says; or amounts of all resources, with "
            "commas between. May be given several times.",
        ),
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Take the best plan found by then.")
    ] = None,
    max_schedules: Annotated[
        int | None,
        typer.Option(min=0, help="How many schedules are tried; without any limit so many as take milliseconds."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and number of schedules give the same plan.")] = 0,
    gantt: Annotated[
        Path | None, typer.Option(metavar="OUT.svg", help="Write the plan as a picture for a browser.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the plan as JSON, as makespan.Plan.from_json reads it.")
    ] = False,
) -> None:
    """Plan the tasks of a file."""
    try:
        problem = read_problem(file, n_cores=cores)
        problem = planning.limited(problem, cores, capacity or [])
        found = planning.planned(problem, time_limit, max_schedules, seed, Console(stderr=True))
        if gantt is not None:
            found.to_svg(gantt, names=problem.names, resource_names=problem.resource_names)
    except (UsageError, ms.ExecutionException) as error:
        complain(f"makespan: {file}: {error}")
        raise typer.Exit(codes.EXIT_USAGE) from None
    except OSError as error:
        complain(f"makespan: {error.filename or file}: {error.strerror or error}")
        raise typer.Exit(codes.EXIT_USAGE) from None
    if as_json:
        print(found.to_json())
        return
    show_rows(planning.format_plan(found, problem))
    width = Console().width
    print()
    print(found.to_gantt(width, names=problem.names, resource_names=problem.resource_names))


@app.command(help=diagnosis.HELP)
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help=diagnosis.HELP_JSON)] = False,
) -> None:
    """Print what a report of a problem should say about the machine."""
    typer.echo(diagnosis.report(as_json=as_json))


def carry_out(
    workflow: Runnable,
    arguments: dict[str, object],
    workers: int | None,
    strategy: str,
    as_json: bool,
    compare: bool,
) -> int:
    """Run, report, and return the exit code."""
    try:
        result, elapsed_s = run_watched(workflow, arguments, workers, strategy)
        comparison = compare_serial(workflow, arguments, result, elapsed_s) if compare else None
    except KeyboardInterrupt as interrupt:
        complain("\n".join(["makespan: interrupted", *getattr(interrupt, "__notes__", ())]))
        return codes.EXIT_INTERRUPTED
    except ms.RunFailedError as error:
        if as_json:
            print(json.dumps(failure_json(error), indent=2))
        complain(format_failures(error))
        return codes.EXIT_FAILED
    except ms.ExecutionException as error:
        complain(f"makespan: {error}")
        return codes.EXIT_FAILED
    if as_json:
        print(json.dumps(result_json(result, comparison), indent=2))
    else:
        show_rows(format_summary(result, comparison))
    return codes.EXIT_FAILED if comparison is not None and not comparison.is_equal else codes.EXIT_OK


def tell_plan(
    workflow: Runnable, arguments: dict[str, object], workers: int | None, strategy: str, as_json: bool
) -> int:
    """Tell what a run would do, and return the exit code."""
    try:
        with ms.SequentialExecutionEngine(strategy=strategy, workers=workers) as engine:
            plan = engine.plan(workflow, **arguments)
    except KeyboardInterrupt:
        complain("makespan: interrupted")
        return codes.EXIT_INTERRUPTED
    except ms.ExecutionException as error:
        complain(f"makespan: {error}")
        return codes.EXIT_FAILED
    if as_json:
        print(json.dumps(plan.to_dict(), indent=2))
    else:
        show_rows(explaining.format_workflow_plan(plan, engine.workers))
    return codes.EXIT_OK


def run_watched(
    workflow: Runnable, arguments: dict[str, object], workers: int | None, strategy: str
) -> tuple[ms.RunResult[object], float]:
    """Run on an engine of its own, with the live line on standard error.

    The seconds beside the result are those of the whole call, the body and the planning included.
    """
    progress = ms.Progress()
    with (
        ms.SequentialExecutionEngine(strategy=strategy, workers=workers) as engine,
        progress,
        live_line(Console(stderr=True), progress),
    ):
        start_s = time.perf_counter()
        result = engine.run(workflow, **arguments)
        return result, time.perf_counter() - start_s


def compare_serial(
    workflow: Runnable,
    arguments: dict[str, object],
    result: ms.RunResult[object],
    elapsed_s: float,
) -> ms.RunComparison[object]:
    """Run the workflow as plain Python. It comes second, so that a warm file cache is its gain."""
    complain_if_terminal("now as plain Python, for the comparison …")
    start_s = time.perf_counter()
    serial: Callable[..., object] = workflow.serial
    value = serial(**arguments)
    serial_s = time.perf_counter() - start_s
    is_equal = first_difference(result.value, value) is None
    return ms.RunComparison(run=result, serial_s=serial_s, elapsed_s=elapsed_s, is_equal=is_equal)


def check_strategy(name: str) -> None:
    """Refuse an unknown strategy before anything runs."""
    known = ms.strategies.names()
    if name not in known:
        raise UsageError(f"there is no strategy {name!r}: known are {', '.join(known)}")


def show_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print the summary; wrapped to the terminal, and in full where there is none."""
    console = Console()
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(Text(name, style="bold"), Text(text))
    if console.is_terminal:
        console.print(table)
        return
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")


def complain(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr)


def complain_if_terminal(text: str) -> None:
    """Say something to a person who waits, and to nobody else."""
    if sys.stderr.isatty():
        complain(text)

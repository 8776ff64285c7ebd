"""A matrix of tests in processes of their own: modules under several settings of the interpreter."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case

SETTINGS = ((), ("-O",), ("-X", "dev"))
TEST = "import {0}, sys; n = {1}; assert sum(i * i % 7 for i in range(n)) >= 0; print({0}.__name__, sys.flags.optimize)"


@ms.step(pure=True)
def passes(module: str, settings: tuple[str, ...], n: int) -> str:
    command = [sys.executable, "-I", "-S", *settings, "-c", TEST.format(module, n)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@ms.step(pure=True)
def summary(outputs: list[str]) -> dict[str, int]:
    return {output: outputs.count(output) for output in outputs}


@ms.workflow
def matrix(modules: list[str], n: int) -> dict[str, int]:
    return summary([passes(module, settings, n) for module in modules for settings in SETTINGS])


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[str], int]]:
    del folder
    yield (["json"], 10) if is_tiny else (["json", "decimal", "csv", "email.message"], 400_000)


CASE = Case("matrix", matrix, data, "cpu", frozenset({"passes"}), cached=frozenset({"passes"}))

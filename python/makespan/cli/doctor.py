"""`makespan doctor`: what a report of a problem should say about the machine.

Reads files and asks nobody. Everything but `collect` and `read_limits` is a function of values.
"""

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import makespan
from makespan import _core

__all__ = ["Diagnosis", "Limits", "collect", "report", "version_line"]

HELP = "Print versions, build profile, usable cores and the limits that this process lives under."
HELP_JSON = "Print one JSON object."
CLI_LIBRARIES = ("typer", "rich")
LIBRARIES = ("numpy", *CLI_LIBRARIES)

# Version 1 of control groups writes the largest page-aligned number where there is no limit.
MEMORY_UNLIMITED_BYTES_MIN = 1 << 60

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the control groups of this process allow; None where they say nothing."""

    version: int | None
    cpus: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `makespan doctor` prints."""

    makespan: str
    build_profile: str
    python: str
    executable: str
    platform: str
    libraries: dict[str, str | None]
    cores: int | None
    affinity: list[int] | None
    usable_cores: int
    cgroup: Limits


def version_line() -> str:
    """Return the answer to `--version`."""
    profile, python = _core.BUILD_PROFILE, platform.python_version()
    implementation = platform.python_implementation()
    return f"makespan {makespan.__version__} ({profile} build, {implementation} {python})"


def report(*, as_json: bool = False) -> str:
    """Return the diagnosis of this process as text, or as a JSON object."""
    diagnosis = collect()
    return json.dumps(asdict(diagnosis), indent=2) if as_json else format_text(diagnosis)


def collect() -> Diagnosis:
    """Look at this process and its machine."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return Diagnosis(
        makespan=makespan.__version__,
        build_profile=_core.BUILD_PROFILE,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        executable=sys.executable,
        platform=platform.platform(),
        libraries={name: installed_version(name) for name in LIBRARIES},
        cores=os.cpu_count(),
        affinity=affinity,
        usable_cores=_core.usable_cores(),
        cgroup=read_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")),
    )


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution without importing it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def read_limits(membership: Path, mount: Path) -> Limits:
    """Read the control groups of this process: version 2 where it is mounted, else version 1."""
    groups = parse_membership(read_text(membership))
    if (mount / "cgroup.controllers").exists():
        folders = with_parents(mount, groups.get("", "/"))
        return Limits(
            version=2,
            cpus=least(parse_cpu_max(read_text(folder / "cpu.max")) for folder in folders),
            memory_bytes=least(parse_bytes(read_text(folder / "memory.max")) for folder in folders),
        )
    cpu_folders = with_parents(mount / "cpu", groups.get("cpu", "/"))
    memory_folders = with_parents(mount / "memory", groups.get("memory", "/"))
    if not any(folder.exists() for folder in [*cpu_folders, *memory_folders]):
        return Limits(version=None, cpus=None, memory_bytes=None)
    return Limits(
        version=1,
        cpus=least(
            parse_cpu_max(read_text(folder / "cpu.cfs_quota_us") + read_text(folder / "cpu.cfs_period_us"))
            for folder in cpu_folders
        ),
        memory_bytes=least(parse_bytes(read_text(folder / "memory.limit_in_bytes")) for folder in memory_folders),
    )


def parse_membership(text: str) -> dict[str, str]:
    r"""Return the group of each controller of `/proc/self/cgroup`; version 2 has the name "".

    >>> parse_membership("5:cpu,cpuacct:/a\n0::/b\n")
    {'cpu': '/a', 'cpuacct': '/a', '': '/b'}
    """
    groups = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, group = rest.partition(":")
        if separator:
            groups.update(dict.fromkeys(controllers.split(","), group))
    return groups


def parse_cpu_max(text: str) -> float | None:
    r"""Return quota divided by period in cores; None without a limit, or where the file is empty.

    >>> parse_cpu_max("150000 100000\n"), parse_cpu_max("max 100000\n"), parse_cpu_max("")
    (1.5, None, None)
    """
    words = text.split()
    if len(words) != 2 or words[0] in ("max", "-1"):
        return None
    quota, period = (int(word) for word in words)
    return quota / period if quota > 0 and period > 0 else None


def parse_bytes(text: str) -> int | None:
    r"""Return a limit of memory; None where there is none.

    >>> parse_bytes("1073741824\n"), parse_bytes("max\n"), parse_bytes("9223372036854771712\n")
    (1073741824, None, None)
    """
    word = text.strip()
    if not word.isdecimal() or int(word) >= MEMORY_UNLIMITED_BYTES_MIN:
        return None
    return int(word)


def with_parents(mount: Path, group: str) -> list[Path]:
    """Return the folders of a group and of all groups around it: each of them limits it."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def least(limits: Iterable[Number | None]) -> Number | None:
    """Return the smallest limit, None where there is none."""
    return min((limit for limit in limits if limit is not None), default=None)


def read_text(path: Path) -> str:
    """Return a file's text; nothing where there is no such file or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def format_text(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as aligned lines."""
    limits = diagnosis.cgroup
    kind = "none found" if limits.version is None else f"version {limits.version}"
    cpus = "no limit" if limits.cpus is None else f"{limits.cpus:g} cores"
    memory = "no limit" if limits.memory_bytes is None else f"{limits.memory_bytes / 2**30:.2f} GiB"
    lines = {
        "makespan": diagnosis.makespan,
        "build profile": diagnosis.build_profile,
        "python": f"{diagnosis.python} ({diagnosis.executable})",
        "platform": diagnosis.platform,
        **{name: found or "not installed" for name, found in diagnosis.libraries.items()},
        "cores": str(diagnosis.cores or "unknown"),
        "affinity": format_ranges(diagnosis.affinity),
        "usable cores": str(diagnosis.usable_cores),
        "control groups": kind,
        "cpu limit": cpus,
        "memory limit": memory,
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


def format_ranges(numbers: list[int] | None) -> str:
    """Return sorted numbers with runs shortened.

    >>> format_ranges([0, 1, 2, 5])
    '0-2, 5'
    """
    if numbers is None:
        return "unknown"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)

"""An inventory of a source tree, written to a Markdown and a JSON report.

What each file weighs plain and compressed, how many lines and tokens it has and what it imports;
totals of each package, who imports whom, and files that are there twice. By default it looks at
the standard library of the interpreter that runs it.

    makespan run examples/inventory.py:inventory --compare
    makespan run examples/inventory.py:inventory --arg root=src --arg out=report
"""

import ast
import bz2
import hashlib
import json
import lzma
import re
import sys
import sysconfig
import warnings
import zlib
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import makespan as ms

WORD = re.compile(rb"\w+")  # what counts as a token: a name, a keyword or a number
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements hold statements
# Parsing holds the interpreter for long, compressing asks for it often and briefly: hand it over sooner.
sys.setswitchinterval(0.0005)
# xz at its strongest; a dictionary of 1 MiB, because hardly any source file is larger.
XZ = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}]
COLUMNS = ("bytes", "lines", "tokens", "zlib", "bz2", "lzma")
# Old escapes in somebody's source are not our subject; "<unknown>" is what `ast` calls a source.
warnings.filterwarnings("ignore", module="<unknown>")

Totals = dict[str, int]
Graph = dict[str, list[str]]


@dataclass(frozen=True)
class File:
    path: str
    sha256: str
    imports: list[str] | None  # None where the source does not parse
    bytes: int
    lines: int
    tokens: int
    zlib: int
    bz2: int
    lzma: int


@ms.step
def read(path: Path) -> bytes:
    return path.read_bytes()


@ms.step
def sha256(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


@ms.step
def zlib_size(source: bytes) -> int:
    return len(zlib.compress(source, level=9))


@ms.step
def bz2_size(source: bytes) -> int:
    return len(bz2.compress(source))


@ms.step
def lzma_size(source: bytes) -> int:
    return len(lzma.compress(source, filters=XZ))


@ms.step
def counts(source: bytes) -> tuple[int, int, int]:
    return len(source), source.count(b"\n"), len(WORD.findall(source))


@ms.step
def imports(source: bytes) -> list[str] | None:
    try:
        found, pending = set[str](), list[ast.AST]([ast.parse(source)])
    except (SyntaxError, ValueError, RecursionError):
        return None
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                found.add(node.module.partition(".")[0])
        else:
            for block in BLOCKS:
                pending += getattr(node, block, ())
    return sorted(found)


@ms.step
def describe(
    path: str,
    digest: str,
    imported: list[str] | None,
    counted: tuple[int, int, int],
    *compressed: int,
) -> File:
    return File(path, digest, imported, *counted, *compressed)


@ms.step
def totals(files: list[File]) -> Totals:
    sums = {column: sum(getattr(file, column) for file in files) for column in COLUMNS}
    return {"files": len(files), **sums}


@ms.step
def import_graph(packages: dict[str, list[File]]) -> Graph:
    used = {name: {i for f in files for i in f.imports or ()} for name, files in packages.items()}
    return {name: sorted(packages.keys() & used[name] - {name}) for name in packages}


@ms.step
def duplicates(files: list[File]) -> list[list[str]]:
    by_content = defaultdict[str, list[str]](list)
    for file in files:
        if file.bytes:
            by_content[file.sha256].append(file.path)
    return [paths for paths in by_content.values() if len(paths) > 1]


@ms.step
def as_markdown(rows: dict[str, Totals], graph: Graph, twice: list[list[str]]) -> str:
    text = [
        "# Inventory",
        "",
        f"| package | files | {' | '.join(COLUMNS)} |",
        "|---" + "|--:" * 7 + "|",
    ]
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["bytes"]):
        text.append(f"| {name} | {' | '.join(f'{number:,}' for number in row.values())} |")
    popular = Counter(target for targets in graph.values() for target in targets).most_common(20)
    text += ["", "## Imported by most", "", *(f"- {name}: {count}" for name, count in popular)]
    text += ["", "## There more than once", "", *(f"- {', '.join(paths)}" for paths in twice)]
    return "\n".join(text) + "\n"


@ms.step
def as_json(files: list[File], rows: dict[str, Totals], graph: Graph, twice: list[list[str]]) -> str:
    report = {"totals": rows, "imports": graph, "duplicates": twice, "files": [*map(asdict, files)]}
    return json.dumps(report, indent=1) + "\n"


@ms.step(writes=lambda path, *_: str(path))
def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"{path}: sha256 {hashlib.sha256(text.encode()).hexdigest()}"


@ms.workflow
def inventory(root: str = sysconfig.get_path("stdlib"), out: str = "inventory-report") -> tuple[Totals, list[str]]:
    """Take the inventory of the Python files under `root`; the reports go to the folder `out`."""
    packages = defaultdict[str, list[File]](list)
    for path in sorted(Path(root).rglob("*.py")):
        inside = path.relative_to(root)
        if "site-packages" not in inside.parts:
            source = read(path)
            sizes = zlib_size(source), bz2_size(source), lzma_size(source)
            facts = describe(inside.as_posix(), sha256(source), imports(source), counts(source), *sizes)
            packages[inside.with_suffix("").parts[0]].append(facts)
    files = [file for members in packages.values() for file in members]
    rows = {"(all)": totals(files), **{name: totals(packages[name]) for name in packages}}
    graph, twice = import_graph(dict(packages)), duplicates(files)
    markdown = write(Path(out, "inventory.md"), as_markdown(rows, graph, twice))
    return rows["(all)"], [
        markdown,
        write(Path(out, "inventory.json"), as_json(files, rows, graph, twice)),
    ]

"""The examples in the README run, and print what it says."""

import contextlib
import io
import re
from typing import Any

from repository import ROOT

BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_examples_run_and_print_what_the_readme_says() -> None:
    blocks: list[tuple[str, str]] = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [language for language, _ in blocks] == ["python", "text"] * 3
    names: dict[str, Any] = {"__name__": "readme"}
    for (_, code), (_, expected) in zip(blocks[::2], blocks[1::2], strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert printed.getvalue() == expected


def test_every_figure_is_measured() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, begin, rest = text.partition("<!-- figures: copied from benches/README.md -->")
    table, end, _ = rest.partition("<!-- figures: end -->")
    assert begin
    assert end
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 9
    assert [what for what, ratio, _ in rows if not re.search(r"\d", ratio)] == []

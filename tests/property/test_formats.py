"""Files that were cut off or garbled are refused in one way, whatever happened to them."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import makespan as ms
from makespan.formats import parse_patterson, parse_psplib, parse_wfformat
from test_formats import PATTERSON, PSPLIB
from test_traces import MULTI_MODE, new, old

Parser = Callable[[str], object]

FILES: list[tuple[Parser, str]] = [
    (parse_psplib, PSPLIB),
    (parse_psplib, MULTI_MODE),
    (parse_patterson, PATTERSON),
    (parse_wfformat, json.dumps(old("1.2"), indent=1)),
    (parse_wfformat, json.dumps(old("1.4"))),
    (parse_wfformat, json.dumps(new())),
    (ms.Plan.from_json, ms.plan(ms.DependencyGraph.from_edges(3, [0], [1]), [1, 2, 3], [[1], [1], [1]], [2]).to_json()),
]


def read(parser: Parser, text: str) -> None:
    """Read a text; a problem or one of two errors may come out, and nothing else."""
    with suppress(ms.ValidationError, ms.CycleError):
        parser(text)


@given(st.sampled_from(FILES), st.data())
def test_truncated_files_are_refused(file: tuple[Parser, str], data: st.DataObject) -> None:
    parser, text = file
    read(parser, text[: data.draw(st.integers(0, len(text)))])


@given(st.sampled_from(FILES), st.data())
def test_garbled_files_are_refused_or_read(file: tuple[Parser, str], data: st.DataObject) -> None:
    parser, text = file
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        n_lost = data.draw(st.integers(0, 12))
        inserted = data.draw(
            st.one_of(
                st.text(max_size=6),
                st.sampled_from(["-1", "0", "9" * 30, "1e999", "null", "[]", "{}", '""', "true", "\n", "²", "NaN"]),
            )
        )
        text = text[:place] + inserted + text[place + n_lost :]
    read(parser, text)


@given(st.sampled_from(FILES), st.text())
@example(FILES[3], "[" * 100_000)
@example(FILES[3], "1" * 10_000)
def test_any_text_is_refused(file: tuple[Parser, str], text: str) -> None:
    with pytest.raises(ms.ValidationError):
        file[0](text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([file for file in FILES if file[1].startswith("{")]), st.data())
def test_another_value_in_any_place_is_refused_or_read(file: tuple[Parser, str], data: st.DataObject) -> None:
    parser, text = file
    stored = json.loads(text)
    place = stored
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = inner
    read(parser, json.dumps(stored))

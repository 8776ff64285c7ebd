"""Keys of tables: by their content, whatever their layout; types, names and order count."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import makespan as ms


def pandas_tables() -> list[object]:
    """Make tables that differ from each other, however little."""
    base = {"a": [1, 2], "b": [1.5, None]}
    frame = pd.DataFrame(base)
    return [
        frame,
        frame.rename(columns={"a": "c"}),
        frame[["b", "a"]],
        frame.iloc[::-1],
        frame.iloc[:1],
        frame.set_axis([5, 6]),
        frame.rename_axis("row"),
        frame.astype({"a": "int32"}),
        frame.astype({"a": "Int64"}),
        frame.astype({"a": object}),
        frame.astype({"a": "category"}),
        pd.DataFrame({"a": pd.Categorical([1, 2], categories=[2, 1])}),
        pd.DataFrame({"a": pd.Categorical([1, 2], categories=[2, 1], ordered=True)}),
        pd.DataFrame({"a": ["x", None]}),
        pd.DataFrame({"a": ["x", "None"]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", None])}),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-01", None], utc=True)}),
        pd.DataFrame(),
        frame["a"],
        frame["a"].rename("b"),
        frame.index,
        frame.columns,
        pd.MultiIndex.from_tuples([(1, "x"), (2, "y")]),
        pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["n", "t"]),
        *(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-01", tz="UTC"), pd.Timedelta(1, "s")),
        *(pd.NA, pd.NaT, pd.Interval(1, 2), pd.Interval(1, 2, closed="left")),
    ]


def polars_tables() -> list[object]:
    """Make tables that differ from each other, however little."""
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    return [
        frame,
        frame.rename({"a": "c"}),
        frame.select("b", "a"),
        frame.reverse(),
        frame.head(1),
        frame.with_columns(pl.col("a").cast(pl.Int32)),
        frame.with_columns(pl.col("b").cast(pl.Categorical)),
        frame.with_columns(pl.col("b").fill_null("None")),
        pl.DataFrame(),
        frame["a"],
        frame["a"].rename("b"),
    ]


@pytest.mark.parametrize("tables", [pandas_tables, polars_tables])
def test_tables_that_differ_have_different_keys(tables: object) -> None:
    assert callable(tables)
    keys = [ms.key_of(table) for table in tables()]
    assert keys == [ms.key_of(table) for table in tables()]
    assert [(left, right) for left, right in combinations(range(len(keys)), 2) if keys[left] == keys[right]] == []


def test_layout_does_not_count() -> None:
    wide = np.arange(12.0).reshape(3, 4)
    by_rows, by_columns = pd.DataFrame(wide), pd.DataFrame({at: wide[:, at].copy() for at in range(4)})
    by_columns.columns = by_rows.columns
    assert ms.key_of(by_rows) == ms.key_of(by_columns)
    parts = pl.concat([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})], rechunk=False)
    assert ms.key_of(parts) == ms.key_of(pl.DataFrame({"a": [1, 2]}))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ms.UnkeyableError, match="LazyFrame"):
        ms.key_of(pl.DataFrame({"a": [1]}).lazy())
    with pytest.raises(ms.UnkeyableError, match="object"):
        ms.key_of(pd.DataFrame({"a": [object()]}))


def test_cached_tables_are_copies() -> None:
    table = ms.step(lambda: pd.DataFrame({"a": [1, 2]}), name="table", pure=True, cache=ms.Caching(version="1"))
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(table))
    with ms.SequentialExecutionEngine() as engine:
        first = engine.run(workflow).value
        second = engine.run(workflow).value
        second.loc[0, "a"] = 7
        third = engine.run(workflow).value
    assert first.equals(third)
    assert engine.cache.stats().n_hits == 2

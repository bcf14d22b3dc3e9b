from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.schema import normalise, schema, to_columns, to_parquet
from evergreen.datasets.splitting import split_rows
from evergreen.errors import EvergreenError, NotEnoughDataError
from evergreen.model_definition import Feature
from tests.support.fruit_rows import definition, table_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from evergreen.columns import Columns

ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(),
        st.booleans(),
        st.none() | st.sampled_from(["", "red", "grün"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=30,
)


@given(ROWS, st.randoms())
def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_come(
    rows: list[tuple[Any, ...]], random: Random
) -> None:
    model = definition()
    split = split_rows(model, table_of(rows))
    order = list(range(len(rows)))
    random.shuffle(order)
    first = normalise(model, split)
    body = to_parquet(first)
    assert to_parquet(normalise(model, split.take(order))) == body
    again = pq.read_table(io.BytesIO(body))
    assert again.schema == schema(model)
    assert to_parquet(normalise(model, again)) == body


def test_one_value_more_or_less_gives_other_bytes() -> None:
    model = definition()
    rows = [(1.0, True, "red", 1, 0), (2.0, False, "red", 0, 1)]
    changed = [rows[0], (2.5, *rows[1][1:])]
    files = {
        to_parquet(normalise(model, split_rows(model, table_of(r))))
        for r in (rows, changed, rows * 2)
    }
    assert len(files) == 3


@given(ROWS)
def test_a_data_set_holds_what_a_model_sees(rows: list[tuple[Any, ...]]) -> None:
    model = definition()
    stored = normalise(model, split_rows(model, table_of(rows)))
    given_columns = to_columns(model, table_of(rows))
    stored_columns = to_columns(model, stored)

    def bag(columns: Columns) -> list[str]:
        sizes = ["nan" if math.isnan(size) else float(size) for size in columns["size"]]
        return sorted(map(str, zip(sizes, columns["organic"], columns["colour"], strict=True)))

    assert bag(stored_columns) == bag(given_columns)
    assert {str(column.dtype) for column in stored_columns.values()} == {"float32", "object"}
    assert list(stored_columns) == ["size", "organic", "colour"]


def test_missing_values_and_labels_are_written_one_way() -> None:
    model = definition()
    rows = [(None, True, None, 1, 0), (float("nan"), False, "", 0, 1), (-0.0, True, "red", 1, 2)]
    stored = normalise(model, split_rows(model, table_of(rows)))
    assert stored["size"].to_pylist() == [None, None, 0.0]
    assert math.copysign(1, stored["size"][2].as_py()) == 1
    assert stored["colour"].to_pylist() == [None, None, "red"]
    assert stored["organic"].to_pylist() == [1.0, 0.0, 1.0]
    assert stored["ripe"].to_pylist() == ["1", "0", "1"]
    columns = to_columns(model, stored)
    assert np.isnan(columns["size"][:2]).all()
    assert columns["colour"].tolist() == ["", "", "red"]


def test_boolean_labels_are_written_as_python_writes_them() -> None:
    rows = [(1.0, True, "red", True, 0), (1.0, True, "red", False, 1)]
    stored = normalise(definition(), split_rows(definition(), table_of(rows)))
    assert stored["ripe"].to_pylist() == ["True", "False"]


def test_a_regression_keeps_its_target_exactly() -> None:
    model = definition(task="regression")
    rows = [(1.0, True, "red", 0.1, 0)]
    stored = normalise(model, split_rows(model, table_of(rows)))
    assert stored["ripe"].to_pylist() == [0.1]


def test_rows_of_one_request_keep_their_order() -> None:
    model = definition()
    rows = table_of([(float(9 - at), True, "red", 1, 0) for at in range(10)])
    rows = rows.append_column("request_id", [["r"] * 10]).append_column("row", [list(range(10))])
    stored = normalise(model, split_rows(model, rows.take(list(range(9, -1, -1)))))
    assert stored["size"].to_pylist() == [float(9 - at) for at in range(10)]
    assert stored["row"].to_pylist() == list(range(10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns("size"), "fruit.size: column is missing"),
        (lambda t: t.drop_columns("split"), "fruit.split: column is missing"),
        (
            lambda t: t.set_column(1, "size", pa.array(["big"])),
            r"fruit\.size: column of type string cannot be read as double",
        ),
        (lambda t: t.set_column(3, "ripe", pa.array([None], pa.string())), "1 rows have no target"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name(
    change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    table = split_rows(definition(), table_of([(1.0, True, "red", 1, 0)]))
    with pytest.raises(EvergreenError, match=message):
        normalise(definition(), change(table))


def test_no_rows_are_no_data_set() -> None:
    table = split_rows(definition(), table_of([(1.0, True, "red", 1, 0)]))
    with pytest.raises(NotEnoughDataError, match="at least one row"):
        normalise(definition(), table.slice(1))


def test_whole_numbers_that_would_lose_digits_are_refused() -> None:
    features = {**definition().features, "size": Feature(type="integer")}
    whole = definition().model_copy(update={"features": features})
    table = split_rows(whole, table_of([(2.0**24, True, "red", 1, 0)]))
    assert normalise(whole, table)["size"].to_pylist() == [2.0**24]
    dates = table.set_column(table.column_names.index("size"), "size", pa.array([20131231]))
    with pytest.raises(EvergreenError, match=r"fruit\.size: 20131231 is not exact in 32 bits"):
        normalise(whole, dates)
    assert normalise(definition(), dates).num_rows == 1  # as a float it may be rounded

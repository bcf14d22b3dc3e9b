"""Rows are written as a caller would write them, and mean what they meant."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from cli.shared.traffic import split_form
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import RequestReader

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "regression",
        "target": "y",
        "features": {
            "a": {"type": "float", "nullable": True},
            "n": {"type": "integer"},
            "c": {"type": "category", "nullable": True},
        },
    }
)
numbers = st.floats(width=32, allow_infinity=False)


@example([(float(np.finfo(np.float32).max), 0, None)])
@given(st.lists(st.tuples(numbers, st.integers(-999, 999), st.none() | st.text(min_size=1))))
def test_the_api_reads_back_the_same_columns(rows: list[tuple[float, int, str | None]]) -> None:
    data = pd.DataFrame(
        {
            "a": np.array([row[0] for row in rows], dtype=np.float32),
            "n": np.array([row[1] for row in rows], dtype=np.float32),
            "c": pd.Series([row[2] for row in rows], dtype=object),
        }
    )
    form = json.loads(json.dumps(split_form(DEFINITION, data), allow_nan=False))
    assert form["columns"] == ["a", "n", "c"]
    if rows:
        body = json.dumps({"dataframe_split": form}).encode()
        read = RequestReader(DEFINITION).read(body).columns
        np.testing.assert_array_equal(read["a"], data["a"].to_numpy())
        np.testing.assert_array_equal(read["n"], data["n"].to_numpy())
        assert read["c"].tolist() == [row[2] or "" for row in rows]


def test_numbers_are_short() -> None:
    data = pd.DataFrame(
        {"a": np.array([39.2], np.float32), "n": np.array([3], np.float32), "c": ["x"]}
    )
    assert split_form(DEFINITION, data)["data"] == [[39.2, 3, "x"]]

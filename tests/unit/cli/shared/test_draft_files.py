"""The files of a draft are read again, whatever its categories are."""

from __future__ import annotations

import tomllib

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.shared.column_profiles import ColumnProfile
from cli.shared.draft_files import definition_text
from cli.shared.model_drafts import ModelDraft


def draft(categories: list[str | None]) -> ModelDraft:
    profile = ColumnProfile("month", "category", "of the time", "", 0, len(categories))
    return ModelDraft(
        name="fruit",
        task="regression",
        target="price",
        source="fruit.csv",
        time="day",
        features=(profile,),
        left_out=(),
        rows=pa.table({"month": pa.array(categories, pa.string())}),
        notes=(),
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=14))
def test_a_definition_is_toml(categories: list[str | None]) -> None:
    features = tomllib.loads(definition_text(draft(categories)))["features"]
    assert features == {"month": {"type": "category"}}


def test_the_categories_stand_beside_a_feature() -> None:
    (line,) = (
        each
        for each in definition_text(draft([None, *"LKJIHGFEDCBA"])).splitlines()
        if each.startswith("month")
    )
    assert line.endswith('values "A", "B", "C", "D", "E", "F", "G", "H", "I", "J" and 2 more')

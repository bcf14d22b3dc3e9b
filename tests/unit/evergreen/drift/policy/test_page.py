"""The tables of ``docs/retraining.md`` have the same rows as the code, in the same order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from evergreen.drift.policy.goal import BACKOFF_FACTOR, GoalState
from evergreen.drift.records import DecisionOutcome

PAGE = Path(__file__).resolve().parents[5] / "docs" / "retraining.md"


def table(section: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    after = PAGE.read_text(encoding="utf-8").split(f"\n### {section}\n")[1]
    text = re.split(r"\n##+ ", after)[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.parametrize(
    ("section", "names"),
    [("The decision", get_args(DecisionOutcome)), ("The goal", get_args(GoalState))],
)
def test_the_rows_of_each_table_are_the_names_of_the_code(
    section: str, names: tuple[str, ...]
) -> None:
    assert [row[0] for row in table(section)] == [f"`{name}`" for name in names]


def test_only_the_last_row_of_the_decision_starts_a_retraining() -> None:
    assert [row[-1] for row in table("The decision")] == ["no"] * (
        len(get_args(DecisionOutcome)) - 1
    ) + ["yes"]


def test_the_page_says_how_long_the_backoff_of_a_goal_is() -> None:
    said = re.findall(r"([\d.]+) times as much time", PAGE.read_text(encoding="utf-8"))
    assert said == [str(BACKOFF_FACTOR)]

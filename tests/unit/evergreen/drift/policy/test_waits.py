"""What a ground waits for, and how rarely rows are counted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.pace import RowsNeeded
from evergreen.drift.policy.waits import GroundWait, LabelledRows
from tests.support.drift_checks import NOON

if TYPE_CHECKING:
    from datetime import datetime

TENTH = RowsNeeded(30, "a tenth")


@given(st.integers(1, 100_000), st.integers(0, 20))
def test_each_lost_challenger_doubles_what_is_waited_for(rows: int, lost: int) -> None:
    fewer, more = (GroundWait("new_rows", RowsNeeded(rows, ""), each) for each in (lost, lost + 1))
    assert more.rows == 2 * fewer.rows >= 2 * rows


def test_the_words_say_how_many_have_lost() -> None:
    words = [GroundWait("data_drift", TENTH, lost).words for lost in (0, 1, 2)]
    assert words == [
        "a tenth",
        "a tenth, and 1 challenger has lost",
        "a tenth, and 2 challengers have lost",
    ]


@given(st.integers(0, 100), st.lists(st.integers(1, 100), min_size=1, max_size=6))
def test_rows_are_counted_again_only_where_more_are_asked_for_than_were_found(
    there: int, asked: list[int]
) -> None:
    calls: list[tuple[datetime | None, int]] = []

    def count(since: datetime | None, enough: int) -> int:
        calls.append((since, enough))
        return min(there, enough)

    labelled = LabelledRows(count)
    for enough in asked:
        wait = GroundWait("new_rows", RowsNeeded(enough, ""), since=NOON)
        assert labelled.suffice(wait) is (there >= enough)
        assert labelled.since(NOON, enough) == labelled.since(NOON, enough)
    assert {since for since, _ in calls} == {NOON}
    numbers = [enough for _, enough in calls]
    assert numbers == sorted(set(numbers))
    assert all(enough <= there for enough in numbers[:-1])
    labelled.since(None, 1)
    assert calls[-1] == (None, 1)

"""What a ground waits for, and how rarely rows are counted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.pace import RowsNeeded
from evergreen.drift.policy.memory import LostRetrainings
from evergreen.drift.policy.waits import GroundWait, LabelledRows, wait_of, wait_of_growth
from tests.support.drift_checks import NOON

if TYPE_CHECKING:
    from datetime import datetime

TENTH = RowsNeeded(30, "a tenth")


@given(st.integers(1, 100_000), st.integers(0, 20))
def test_each_lost_challenger_doubles_what_is_waited_for(rows: int, lost: int) -> None:
    needed = RowsNeeded(rows, "")
    memories = [LostRetrainings({"new_rows": each}, NOON) for each in (lost, lost + 1)]
    fewer, more = (wait_of("new_rows", needed, memory) for memory in memories)
    assert (fewer.rows, more.rows) == (rows * 2**lost, 2 * fewer.rows)
    assert fewer.since == more.since == NOON
    grown, again = (wait_of_growth(needed, memory) for memory in memories)
    assert again.rows == (2 * grown.rows if lost else grown.rows)


def test_growth_counts_from_the_data_set_until_a_challenger_has_lost_after_it() -> None:
    others = LostRetrainings({"data_drift": 2, "performance": 1}, NOON)
    assert wait_of_growth(TENTH, others) == GroundWait("new_rows", TENTH)
    lost = LostRetrainings({"new_rows": 1}, NOON)
    assert wait_of_growth(TENTH, lost) == GroundWait("new_rows", TENTH, 1, NOON)


def test_the_words_say_how_many_have_lost() -> None:
    words = [GroundWait("data_drift", TENTH, lost).words for lost in (0, 1, 2)]
    assert words == [
        "a tenth",
        "a tenth, and 1 challenger has lost",
        "a tenth, and 2 challengers have lost",
    ]


def test_the_nearest_ground_lacks_the_fewest_rows() -> None:
    labelled = LabelledRows(lambda since, enough: min(90 if since else 10, enough))
    near = GroundWait("new_rows", RowsNeeded(100, ""), since=NOON)
    assert labelled.nearest([GroundWait("data_drift", TENTH), near]) is near


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

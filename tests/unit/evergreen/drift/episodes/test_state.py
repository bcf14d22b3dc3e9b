"""One story per stretch of drift, told once, whatever checks it and whenever a check dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.drift.episodes.state import ORPHANED, Episodes, episodes_key, read_episodes
from evergreen.drift.episodes.store import remove_sent_notices, update_episodes
from evergreen.drift.episodes.transitions import CheckFindings, next_episodes
from evergreen.drift.log import write_records
from evergreen.drift.records import CheckContext, DriftDecision, to_record
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.events import Trigger
    from tests.support.aws_in_process import Account

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = Episodes(model="m")


def check(
    at: float,
    *,
    drift: bool | None = None,
    worse: bool | None = None,
    window: timedelta = HOUR,
    version: str = "1",
    starts: bool = False,
    ends_at: float | None = None,
) -> CheckFindings:
    """Return what a check found ``at`` so many hours after noon."""
    now = NOON + at * HOUR
    end = now if ends_at is None else NOON + ends_at * HOUR
    found: dict[Trigger, bool | None] = {"data_drift": drift, "performance": worse}
    moved = {kind: value for kind, value in found.items() if value is not None}
    context = CheckContext(
        timestamp=now,
        reference_dataset_id="ds",
        subject_dataset_id="win",
        check_id=f"c{at}-{window}-{version}-{ends_at}",
        model="m",
        model_version=version,
        window_start=end - window,
        window_end=end,
        rows=100,
    )
    return CheckFindings(
        context=context,
        now=now,
        moved=moved,
        severity={"data_drift": "critical"},
        starts_retraining=starts,
        scheduled=(HOUR, DAY),
        detail={"rows": 100, "start_retraining": starts},
    )


def walk(findings: Iterable[CheckFindings]) -> list[Episodes]:
    states = [START]
    for each in findings:
        states.append(next_episodes(states[-1], each))
    return states[1:]


def news(state: Episodes) -> list[tuple[str, bool]]:
    return [(each.id, each.detail["start_retraining"]) for each in state.outbox]


def test_an_episode_is_detected_goes_on_and_is_cleared() -> None:
    states = walk(check(at, drift=drift) for at, drift in enumerate([False, True, True, False]))
    assert [each.state("data_drift") for each in states] == [
        "none",
        "detected",
        "ongoing",
        "cleared",
    ]
    (open_,) = states[2].open
    assert (open_.since, open_.severity) == (NOON + HOUR, "critical")
    assert [each.news for each in states[-1].outbox] == ["began", "ended"]
    assert {each.episode.id for each in states[-1].outbox if each.episode} == {open_.id}
    again = next_episodes(states[-1], check(4, drift=False))
    assert again.state("data_drift") == "none"
    anew = next_episodes(again, check(5, drift=True))
    assert anew.open[0].id != open_.id


def test_too_little_data_neither_begins_nor_ends() -> None:
    states = walk([check(0), check(1, drift=True), check(2), check(3, drift=True)])
    assert [each.state("data_drift") for each in states] == [
        "none",
        "detected",
        "ongoing",
        "ongoing",
    ]
    assert len(states[-1].outbox) == 1


def test_overlapping_windows_of_several_schedules_are_one_episode() -> None:
    states = walk(
        [
            check(1, drift=True),
            check(1.1, drift=True, window=DAY),
            check(2, drift=False),
            check(2.1, drift=True, window=DAY),
            check(3, drift=False),
            check(3.1, drift=False, window=DAY),
        ]
    )
    assert [each.state("data_drift") for each in states] == [
        "detected",
        *["ongoing"] * 4,
        "cleared",
    ]
    assert [each.news for each in states[-1].outbox] == ["began", "ended"]


def test_a_window_that_nobody_checks_again_does_not_hold_an_episode_open() -> None:
    by_hand = timedelta(hours=3)
    states = walk(
        [
            check(0, drift=True, window=by_hand),
            check(1, drift=False),
            check(2.9, drift=False),
            check(3.1, drift=False),
        ]
    )
    assert [each.state("data_drift") for each in states] == [
        "detected",
        "ongoing",
        "ongoing",
        "cleared",
    ]


def test_kinds_have_episodes_of_their_own() -> None:
    states = walk([check(0, drift=True, worse=False), check(1, drift=False, worse=True)])
    assert states[-1].state("data_drift") == "cleared"
    assert states[-1].state("performance") == "detected"
    assert [each.kind for each in states[-1].open] == ["performance"]


def test_a_new_version_ends_what_the_old_one_had_even_with_too_little_data() -> None:
    states = walk([check(0, drift=True, worse=True), check(1, version="2")])
    assert states[-1].open == ()
    ends = [each.episode for each in states[-1].outbox if each.news == "ended"]
    assert [(each.kind, each.ended_by, each.model_version) for each in ends if each] == [
        ("data_drift", "new_version", "1"),
        ("performance", "new_version", "1"),
    ]
    late = next_episodes(states[-1], check(0.5, drift=True, version="1"))
    assert late == states[-1]


def test_a_new_version_that_drifts_at_once_has_an_episode_of_its_own() -> None:
    states = walk([check(0, drift=True), check(1, drift=True, version="2")])
    assert [each.news for each in states[-1].outbox] == ["began", "ended", "began"]
    assert [each.model_version for each in states[-1].open] == ["2"]


def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    states = walk([check(2, drift=False), check(3, drift=True, ends_at=1)])
    assert states[-1].open == ()
    assert next_episodes(states[0], check(2, drift=False)) == states[0]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([check(0, drift=True, worse=True, starts=True)], [True, False]),
        ([check(0, drift=True, starts=False)], [False]),
        ([check(0, drift=True), check(1, drift=True, starts=True)], [False, True]),
        ([check(0, drift=True), check(1, drift=True, worse=True, starts=True)], [False, True]),
        ([check(0, worse=True), check(1, worse=False), check(2, worse=True)], [False] * 3),
    ],
)
def test_one_notice_alone_starts_a_retraining(
    findings: list[CheckFindings], expected: list[bool]
) -> None:
    assert [starts for _, starts in news(walk(findings)[-1])] == expected


def test_a_retraining_within_an_episode_is_news_of_its_own() -> None:
    last = walk([check(0, drift=True), check(1, drift=True, starts=True)])[-1]
    assert [each.news for each in last.outbox] == ["began", "retraining"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([True, False, None]),
            st.sampled_from([HOUR, DAY, 5 * HOUR]),
            st.sampled_from(["1", "2"]),
        ),
        max_size=30,
    )
)
def test_beginnings_and_ends_alternate_whatever_comes(
    seen: list[tuple[bool | None, timedelta, str]],
) -> None:
    states = walk(
        check(at, drift=drift, window=window, version=version)
        for at, (drift, window, version) in enumerate(seen)
    )
    told_of = [each.news for each in states[-1].outbox] if states else []
    assert told_of[:1] in ([], ["began"])
    assert all(before != after for before, after in pairwise(told_of))
    assert bool(states and states[-1].open) == (told_of[-1:] == ["began"])
    for state in states:
        assert Episodes.model_validate_json(state.model_dump_json()) == state


def test_what_was_told_is_told_no_more_and_what_was_left_behind_is(aws: Account) -> None:
    storage = aws.storage()
    began = update_episodes(storage, check(0, drift=True))
    (notice,) = began.due(began.check_id, NOON)
    other = update_episodes(storage, check(0.001, drift=True, window=DAY))
    assert other.due(other.check_id, NOON + timedelta(seconds=4)) == ()
    # The first check died before it told anybody: a later one does.
    later = update_episodes(storage, check(1, drift=True))
    assert later.due(later.check_id, notice.noted_at + ORPHANED) == (notice,)
    assert remove_sent_notices(storage, "m", [notice]).outbox == ()
    assert read_episodes(storage, "m").state("data_drift") == "ongoing"


def test_of_two_checks_at_once_none_is_lost(aws: Account) -> None:
    storage = aws.storage()
    inner = [check(0.5, worse=True)]
    get = storage.get_with_etag

    def overtaken(key: str) -> tuple[bytes, str] | None:
        found = get(key)
        if inner:
            update_episodes(aws.storage(), inner.pop())
        return found

    storage.get_with_etag = overtaken  # type: ignore[method-assign]
    update_episodes(storage, check(0.6, drift=True))
    kinds = {each.kind for each in read_episodes(storage, "m").open}
    assert kinds == {"data_drift", "performance"}


def test_the_retraining_of_a_check_that_died_is_started_by_the_next(aws: Account) -> None:
    storage = aws.storage()
    update_episodes(storage, check(0, drift=True))
    for at in (1, 2):
        died = check(at, drift=True, starts=at == 1)
        decision = DriftDecision(verdict="drift", start_retraining=at == 1, reason="it drifted")
        write_records(storage, died.context, [to_record(died.context, decision)])
    after = update_episodes(storage, check(3))
    assert news(after)[1:] == [(f"{check(3).context.check_id}/retraining", True)]
    again = update_episodes(storage, check(4, drift=True))
    assert len(again.outbox) == len(after.outbox)


def test_giving_up_says_where(aws: Account) -> None:
    storage = aws.storage()
    storage.put_if_absent = lambda *_: False  # type: ignore[method-assign]
    with pytest.raises(EvergreenError, match=episodes_key("m")):
        update_episodes(storage, check(0, drift=True))

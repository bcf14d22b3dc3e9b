"""What the loop is held to on series that nobody tuned it for, and whether that holds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.loop.replayed import Replayed

WITHIN_NOISE, WORST = 0.9, 0.02
REFUSED, FALSE = 1 / 3, 0.05
IN_TWO_YEARS = 4
TWO_YEARS = 2 * 365.25
EVERY_SECOND = ("calendar, every second", "calendar, odd periods")
"""They do the same work: one retrains after the second period, the fourth, ..., the other after the
first, the third, ..."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, what was found, and whether it holds; None if there was nothing to judge by."""

    text: str
    found: str
    holds: bool | None


def promises_of(replayed: Sequence[Replayed]) -> list[Promise]:
    """Judge the six promises."""
    judges: list[Callable[[Sequence[Replayed]], Promise]] = [
        _as_good_as_the_strongest,
        _not_worse_than_never,
        _fewer_retrainings,
        _few_refused,
        _few_false,
        _quiet,
    ]
    return [judge(replayed) for judge in judges]


def _as_good_as_the_strongest(replayed: Sequence[Replayed]) -> Promise:
    within = [one for one in replayed if one.ours_against(one.strongest).within_noise]
    worst = max(replayed, key=lambda one: one.loss)
    surely = sum(one.sure_loss > WORST for one in replayed)
    return Promise(
        "Within noise of the better of `calendar` and `calendar, our window`, or better, on 9 of "
        "10 series, and nowhere worse by more than 2 % of the metric",
        f"{len(within)} of {len(replayed)} series; worse by more than 2 % on "
        f"{sum(one.loss > WORST for one in replayed)}, beyond noise on {surely}; the worst loss is "
        f"{worst.loss:+.1%} (`{worst.series.name}`)",
        len(within) >= WITHIN_NOISE * len(replayed) and worst.loss <= WORST,
    )


def _not_worse_than_never(replayed: Sequence[Replayed]) -> Promise:
    worse = [one for one in replayed if not one.ours_against("never").within_noise]
    return Promise(
        "Never worse than `never` beyond noise", _but(len(replayed), worse, "not worse"), not worse
    )


def _fewer_retrainings(replayed: Sequence[Replayed]) -> Promise:
    def too_many(one: Replayed) -> bool:
        ours, theirs = (one.outcomes[name].retrainings for name in ("ours", "calendar"))
        return ours > theirs if one.drifts_all_the_time else 2 * ours > theirs

    broken = [one for one in replayed if too_many(one)]
    return Promise(
        "At most half of the calendar's retrainings where drift is not continuous, and never more "
        "than the calendar",
        _but(len(replayed), broken, "few enough"),
        not broken,
    )


def _few_refused(replayed: Sequence[Replayed]) -> Promise:
    refused = sum(one.outcomes["ours"].refusals for one in replayed)
    trained = sum(one.outcomes["ours"].retrainings for one in replayed)
    return Promise(
        "At most a third of the retrainings end in a refusal",
        f"{refused} of {trained}",
        refused <= REFUSED * trained if trained else None,
    )


def _few_false(replayed: Sequence[Replayed]) -> Promise:
    ours = [one.outcomes["ours"] for one in replayed if one.series.quiet]
    wrong = sum(outcome.wrong_promotions for outcome in ours)
    trained = sum(outcome.retrainings for outcome in ours)
    return Promise(
        "False promotions in quiet worlds: at most 5 % of the retrainings",
        f"{wrong} of {trained} on {len(ours)} series",
        wrong <= FALSE * trained if ours else None,
    )


def _quiet(replayed: Sequence[Replayed]) -> Promise:
    quiet = [one for one in replayed if one.series.quiet]

    def allowed(one: Replayed) -> float:
        days = (one.series.bounds[-1] - one.series.bounds[0]).days
        return IN_TWO_YEARS * max(days / TWO_YEARS, 1.0)

    broken = [one for one in quiet if one.outcomes["ours"].retrainings > allowed(one)]
    counts = ", ".join(
        f"{one.outcomes['ours'].retrainings} in {len(one.series.periods)} periods" for one in quiet
    )
    return Promise(
        "Where nothing drifts, at most four retrainings in two years",
        counts or "no quiet series",
        not broken if quiet else None,
    )


def by_the_first_promise(replayed: Sequence[Replayed]) -> list[list[str]]:
    """Return what every policy comes to by the measure of the first promise, a row for each.

    A policy that was not replayed on each series is left out, because it has another task.
    """
    rows = []
    for policy in replayed[0].outcomes:
        if not all(policy in one.outcomes for one in replayed):
            continue
        compared = [one.compare(policy, one.strongest) for one in replayed]
        losses = [one.loss_of(policy) + 0.0 for one in replayed]  # no minus before a zero
        surely = sum(one.sure_loss_of(policy) > WORST for one in replayed)
        rows.append(
            [
                f"**{policy}**" if policy == "ours" else f"`{policy}`",
                f"{sum(each.within_noise for each in compared)} of {len(compared)}",
                f"{sum(loss > WORST for loss in losses)}, {surely}",
                f"{statistics.median(losses):+.1%}",
                str(sum(one.outcomes[policy].retrainings for one in replayed)),
            ]
        )
    return rows


def decided_by_chance(replayed: Sequence[Replayed]) -> int | None:
    """Return on how many series one of two calendars is within noise that do the same work.

    Both retrain every second period, and differ in which. None if one of them was not replayed.
    """
    if not all(set(EVERY_SECOND) <= set(one.outcomes) for one in replayed):
        return None
    within = [
        [one.compare(policy, one.strongest).within_noise for policy in EVERY_SECOND]
        for one in replayed
    ]
    return sum(one != other for one, other in within)


def _but(count: int, broken: Sequence[Replayed], what: str) -> str:
    names = ", ".join(f"`{one.series.name}`" for one in broken)
    return f"{what} on {count - len(broken)} of {count} series" + (
        f", but {names}" if names else ""
    )

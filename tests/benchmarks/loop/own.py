"""The part of the page about the series that some settings were chosen on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.loop.deployment import LOOP
from tests.benchmarks.loop.tables import signed, table, yes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.loop.replay import Period
    from tests.benchmarks.loop.replayed import Replayed

CHOSEN = "always, our window"


def promises_of_own(one: Replayed) -> dict[str, bool]:
    """Return what ours is held to on such a series, and whether it holds."""
    ours, always = one.outcomes["ours"], one.outcomes["always"]
    return {
        "within noise of always": one.ours_against("always").within_noise,
        "at most half of its retrainings": 2 * ours.retrainings <= always.retrainings,
        "not worse than never": one.ours_against("never").value >= 0,
    }


def verdicts(replayed: Sequence[Replayed]) -> str:
    """Return the table of these series, and which promises do not hold."""
    rows = []
    for one in replayed:
        always, never, chosen, calendar = map(
            one.ours_against, ("always", "never", CHOSEN, one.strongest)
        )
        held = promises_of_own(one)
        ours = one.outcomes["ours"]
        rows.append(
            [
                one.series.name,
                ours.metric,
                signed(always),
                yes(held["within noise of always"]),
                f"{ours.retrainings} of {one.outcomes['always'].retrainings}",
                yes(held["at most half of its retrainings"]),
                signed(never),
                yes(held["not worse than never"]),
                signed(chosen),
                f"{signed(calendar)} (`{one.strongest}`)",
            ]
        )
    head = [
        *("series", "metric", "ours against always", "within noise", "retrainings", "at most half"),
        *("ours against never", "not worse", f"ours against `{CHOSEN}`"),
        "ours against the better calendar",
    ]
    broken = [
        f"`{one.series.name}`, {promise}"
        for one in replayed
        for promise, holds in promises_of_own(one).items()
        if not holds
    ]
    told = f"\n\nThese promises do not hold: {'; '.join(broken)}. {_WHY}" if broken else ""
    kept = sum(all(promises_of_own(one).values()) for one in replayed)
    return (
        f"{table(head, rows)}\n\nA positive number is better for every metric. The brackets have "
        "the 95 % interval of a paired bootstrap over blocks of time. All three promises hold on "
        f"{kept} of {len(replayed)} series. There is no promise against `{CHOSEN}`. Where it is "
        "better, ours did not start some retrainings, or did not deploy challengers that could "
        f"not prove that they were better.{told}"
    )


def section(one: Replayed) -> str:
    """Return what came of one series under every policy, and month by month."""
    head = [
        *("policy", "value", "retrainings", "promotions", "wrong promotions"),
        *("seconds", "Lambda-seconds", "check", "data set", "train", "evaluate"),
    ]
    rows = [
        [
            outcome.policy,
            f"{outcome.value:.4f}",
            str(outcome.retrainings),
            str(outcome.promotions),
            str(outcome.wrong_promotions),
            f"{sum(outcome.seconds.values()):.1f}",
            f"{outcome.lambda_seconds:.1f}",
            *(f"{outcome.seconds.get(station, 0.0):.1f}" for station in LOOP),
        ]
        for outcome in one.outcomes.values()
    ]
    ours, always = one.outcomes["ours"], one.outcomes["always"]
    about = (
        f"{one.series.about} {len(ours.periods)} months are served, "
        f"{sum(period.rows for period in ours.periods):,} rows. {_settings(one)}"
    )
    months = [
        [
            f"{theirs.start:%Y-%m}",
            *(f"{outcome.periods[number].value:.3f}" for outcome in one.outcomes.values()),
            _event(ours.periods[number]),
            _event(theirs),
        ]
        for number, theirs in enumerate(always.periods)
    ]
    columns = ["month", *one.outcomes, "ours, at its end", "always, at its end"]
    return (
        f"### {one.series.name}\n\n{about}\n\n{table(head, rows)}\n\n"
        "<details markdown><summary>Month by month</summary>\n\n"
        f"{table(columns, months)}\n\n</details>"
    )


def _settings(one: Replayed) -> str:
    definition = one.series.definition
    retraining, evaluation = definition.retraining, definition.evaluation
    budget = (
        "without a budget"
        if retraining.refill is None
        else f"one retraining earned per {retraining.refill.days} days, {retraining.burst} saved"
    )
    triggers = " or ".join(retraining.on).replace("_", " ")
    return (
        f"Ours: retrains on {triggers}, {budget}; trained on at most "
        f"{retraining.training_window_rows:,} rows, judged on at most "
        f"{evaluation.max_holdout_rows:,}."
    )


def _event(period: Period) -> str:
    if period.wrong:
        return "promoted, wrongly"
    return "promoted" if period.promoted else "rejected" if period.trained else ""


_WHY = (
    "In months without drift nothing starts a retraining. Ours then keeps a champion that is as "
    "good as at its promotion, even if a model of more or newer rows would be a little better. "
    "It does not deploy a challenger whose holdout cannot prove that it is better."
)

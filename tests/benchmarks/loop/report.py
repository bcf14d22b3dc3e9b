"""The results of the replays: records as JSON, and the page for people."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.loop.deployment import LOOP
from tests.benchmarks.loop.policies import CHOSEN, POLICIES
from tests.benchmarks.loop.scoring import Difference, difference
from tests.benchmarks.loop.streams import SEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.benchmarks.loop.replay import Outcome, Period
    from tests.benchmarks.loop.series import Series

MEMORY_GB = 2.0
"""Memory of the functions that the seconds are turned into GB-seconds with; at this size Lambda
gives a little more than one CPU (one per 1,769 MB), and the replay computes on one."""
COMMANDS = {"full": "make bench-loop", "quick": "QUICK=1 make bench-loop"}
PACKAGES = ("numpy", "pandas", "scikit-learn", "evidently", "onnxruntime", "skl2onnx")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A series and what came of it under each policy, by name."""

    series: Series
    outcomes: Mapping[str, Outcome]

    def ours_against(self, policy: str) -> Difference:
        """Return by how much ours is better than another policy."""
        series, ours = self.series, self.outcomes["ours"]
        rows = series.between(series.bounds[0], series.bounds[-1])
        since = (rows["timestamp"] - series.bounds[0]).dt.total_seconds().to_numpy()
        blocks = (since // series.block.total_seconds()).astype(np.int64)
        return difference(ours.metric, ours.sums, self.outcomes[policy].sums, blocks)

    @property
    def promises(self) -> dict[str, bool]:
        """Return what ours is held to, and whether it holds on this series."""
        ours, always = self.outcomes["ours"], self.outcomes["always"]
        return {
            "within noise of always": self.ours_against("always").within_noise,
            "at most half of its retrainings": 2 * ours.retrainings <= always.retrainings,
            "not worse than never": self.ours_against("never").value >= 0,
        }


def to_records(replayed: Iterable[Replayed]) -> list[dict[str, Any]]:
    """Return one record per series and policy, of the five that are promised something about."""
    return [
        {
            "series": outcome.series,
            "policy": outcome.policy,
            "metric": outcome.metric,
            "value": outcome.value,
            "retrainings": outcome.retrainings,
            "promotions": outcome.promotions,
            "wrong_promotions": outcome.wrong_promotions,
            "seconds": round(sum(outcome.seconds.values()), 3),
            "lambda_seconds": round(outcome.lambda_seconds, 3),
            "gb_seconds": round(outcome.lambda_seconds * MEMORY_GB, 3),
            "periods": [
                {
                    "start": period.start.isoformat(),
                    "rows": period.rows,
                    "value": period.value,
                    "trained": period.trained,
                    "promoted": period.promoted,
                    "wrong": period.wrong,
                    "reason": period.reason,
                }
                for period in outcome.periods
            ],
        }
        for one in replayed
        for outcome in map(one.outcomes.__getitem__, POLICIES)
    ]


def to_json(replayed: Iterable[Replayed]) -> str:
    """Return the records as JSON."""
    return json.dumps(to_records(replayed), indent=1) + "\n"


def to_page(replayed: list[Replayed], kind: str, plot: str) -> str:
    """Return the page in Markdown.

    Parameters
    ----------
    replayed
        All series.
    kind
        Which run it was: ``full`` or ``quick``.
    plot
        Name of the picture, relative to the page.
    """
    parts = [
        _INTRODUCTION.format(
            command=COMMANDS[kind],
            kind=kind,
            versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
            python=platform.python_version(),
            machine=platform.machine(),
            seed=SEED,
            chosen=CHOSEN,
        ),
        "## Results\n\n" + _verdicts(replayed),
        f"![The metric of each policy over time, by series]({plot})",
        *(_series(one) for one in replayed),
        _COSTS.format(memory=MEMORY_GB),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _verdicts(replayed: list[Replayed]) -> str:
    rows = []
    for one in replayed:
        always, never, chosen = map(one.ours_against, ("always", "never", CHOSEN))
        ours = one.outcomes["ours"]
        rows.append(
            [
                one.series.name,
                ours.metric,
                _signed(always),
                _yes(one.promises["within noise of always"]),
                f"{ours.retrainings} of {one.outcomes['always'].retrainings}",
                _yes(one.promises["at most half of its retrainings"]),
                _signed(never),
                _yes(one.promises["not worse than never"]),
                _signed(chosen),
            ]
        )
    head = [
        *("series", "metric", "ours against always", "within noise", "retrainings", "at most half"),
        *("ours against never", "not worse", f"ours against `{CHOSEN}`"),
    ]
    broken = [
        f"`{one.series.name}`, {promise}"
        for one in replayed
        for promise, holds in one.promises.items()
        if not holds
    ]
    told = f"\n\nThese promises do not hold: {'; '.join(broken)}. {_WHY}" if broken else ""
    kept = sum(all(one.promises.values()) for one in replayed)
    return (
        f"{_table(head, rows)}\n\nA positive number is better for every metric. The brackets have "
        "the 95 % interval of a paired bootstrap over blocks of time. All three promises hold on "
        f"{kept} of {len(replayed)} series. There is no promise against `{CHOSEN}`. Where it is "
        "better, ours did not start some retrainings, or did not deploy challengers that could "
        f"not prove that they were better.{told}"
    )


def _series(one: Replayed) -> str:
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
        f"## {one.series.name}\n\n{about}\n\n{_table(head, rows)}\n\n"
        f"<details><summary>Month by month</summary>\n\n{_table(columns, months)}\n\n</details>"
    )


def _settings(one: Replayed) -> str:
    definition = one.series.definition
    retraining, evaluation = definition.retraining, definition.evaluation
    budget = (
        "as often as that"
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


def _signed(found: Difference) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_INTRODUCTION = """
# Does the loop pay?

<!-- Written by tests/benchmarks/loop; do not edit. -->

Whole series are replayed month by month under five policies:

- `never` keeps the first champion.
- `always` retrains at the end of each month and deploys the new model without a comparison.
- `naive` does the same whenever Evidently's default flag is up (half of the columns drifted, with
  its own choice of tests).
- `ours` is the shipped policy. The drift check decides whether to train. The comparison on the
  holdout decides whether to deploy.
- `oracle` retrains each month and deploys the model that is better in the next month. Nobody can
  know that in advance.

All policies start from the same first champion. A training run gets the data set that the shipped
policy builds at that time: the champion's rows and the rows labelled since then, without the
newest part, which is the holdout. `always` and `naive` train on all rows up to the limit, as a
scheduled retraining does. `ours` and `oracle` choose their training window, which is part of the
shipped policy ([how](evaluation.md#what-it-was-trained-on)). `{chosen}` shows the gain of that
choice alone: it retrains and deploys as `always` does, and chooses its window as `ours` does.

Labels arrive late, as in production. The models that answer a month were trained before it began.
A check runs once a month on that month (for the daily series on its last 90 days). Where a share of
the flights is used, limits in rows are the same share of those in `model.toml`. Check, data set,
training, export to ONNX and comparison are the library's own functions. Request log, bucket and
clock are in memory.

A retraining is a training run that was started. No retraining follows the last month, because no
next month could judge it. A promotion was wrong if the promoted model did worse in the next month
than the replaced model would have done. The value is the metric over all served rows together: a
larger F1 is better, a smaller RMSE is better. A paired bootstrap over blocks of time (a day; two
weeks for the daily series) with 2,000 draws estimates the noise. Ours is within noise of another
policy if it is better, or if the 95 % interval of the difference contains zero.

The synthetic streams are drawn three times each, because a rule may fit one draw by luck. Each
example has only one draw, and its settings were chosen on it. So their lines show what is possible,
not what another year would give.

This page is from a **{kind}** run. `{command}` writes it again, with the picture and
`.evergreen/bench/loop.json`. Python {python} on {machine}; {versions}. Seed of the streams:
{seed}; all other seeds are fixed in the code.
"""

_WHY = (
    "In months without drift nothing starts a retraining. Ours then keeps a champion that is as "
    "good as at its promotion, even if a model of more or newer rows would be a little better. "
    "It does not deploy a challenger whose holdout cannot prove that it is better."
)

_COSTS = """
## How the seconds were measured

Seconds are CPU time on one thread, so other work on the machine does not count. A policy reuses a
model that another policy has trained, and its seconds include that training. Lambda-seconds are
those of the loop's functions (check, data set, training with export, comparison). Seconds also
include serving. Neither includes the start of the functions. GB-seconds are {memory:g} times as
many, for functions with {memory:g} GB of memory. Such a Lambda has a little more than one CPU.
"""

"""The display of a drift check: verdict, drifted features, episodes and the next command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.shared import histograms
from evergreen.drift.distributions import Categories, Numbers
from evergreen.drift.records import (
    DriftDecisionRecord,
    MultivariateRecord,
    PerformanceEstimateRecord,
    PerformanceRecord,
    SegmentRecord,
    UnivariateRecord,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from evergreen.drift.records import DriftRecord
    from evergreen.events import EpisodeStanding, Trigger

TOP = 10
"""The largest number of drifted features that are listed."""

_VERDICTS = {
    "drift": ("DRIFT", "bold red"),
    "no_drift": ("NO DRIFT", "bold green"),
    "insufficient_data": ("TOO LITTLE DATA", "bold yellow"),
}
_METHODS = {
    "ks": "values (KS)",
    "chi_square_two_sample": "shares (chi²)",
    "missing_rate": "missing rate",
    "unseen_rate": "unseen values",
    "text_length": "length (KS)",
    "unseen_words": "unseen words",
}
_QUESTIONS = {
    "data_drift": "data drift",
    "performance": "performance",
    "estimated_performance": "estimated performance",
}
_NARROW = 100
"""Terminals with fewer columns get smaller histograms."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """The content of the display of one check.

    Parameters
    ----------
    records
        The records of the check in the drift log.
    episodes
        The state of the model's episodes by kind, from the check's answer.
    pictures
        A histogram for each feature to explain.
    """

    records: Sequence[DriftRecord]
    episodes: Mapping[Trigger, EpisodeStanding]
    pictures: Mapping[str, Numbers | Categories] = field(default_factory=dict)

    @property
    def decision(self) -> DriftDecisionRecord:
        """The decision of the check."""
        return next(item for item in self.records if isinstance(item, DriftDecisionRecord))

    @property
    def moved(self) -> list[UnivariateRecord]:
        """The univariate tests that found drift, sorted by effect divided by its limit."""
        return [test for test in self._by_strength() if test.drifted]

    def render(self, width: int) -> Group:
        """Return the output for a terminal of ``width`` columns."""
        parts: list[RenderableType] = [
            self._headline(),
            *self._since(),
            Text(),
            self._features(),
            *self._joint(),
            *self._performance(),
            *self._estimate(),
            *self._where(),
            *self._untested(),
        ]
        for name, picture in self.pictures.items():
            parts += [Text(), *explain(name, picture, width)]
        return Group(*parts, Text(), self._next())

    def _headline(self) -> Text:
        decision = self.decision
        verdict, style = _VERDICTS[decision.verdict]
        window = f"{_when(decision.window_start)} to {_when(decision.window_end)}"
        return Text.assemble(
            (decision.model, "bold"),
            "  ",
            (verdict, style),
            f"\n{decision.reason}\n",
            (f"version {decision.model_version}, {decision.rows:,} rows, {window} UTC,\n", "dim"),
            (f"against {decision.reference_dataset_id}", "dim"),
        )

    def _since(self) -> list[Text]:
        lines = []
        for kind, episode in self.episodes.items():
            if episode.since is not None:
                what = _QUESTIONS.get(kind, kind)
                lines.append(
                    Text(
                        f"{what} since {_when(episode.since)} UTC "
                        f"({episode.state}, {episode.severity})",
                        style="yellow",
                    )
                )
            elif episode.state == "cleared":
                lines.append(Text(f"{_QUESTIONS.get(kind, kind)} has cleared", style="green"))
        return lines

    def _by_strength(self) -> list[UnivariateRecord]:
        tests = [item for item in self.records if isinstance(item, UnivariateRecord)]
        strengths = [
            (test.effect_size / test.effect_threshold, test)
            for test in tests
            if test.effect_size is not None
        ]
        return [test for _, test in sorted(strengths, key=lambda each: -each[0])]

    def _features(self) -> RenderableType:
        moved, every = self.moved, self._by_strength()
        if not every:
            return Text("No feature could be tested.")
        shown = moved[:TOP] or every[:1]
        number = len({test.feature_name for test in moved})
        heading = f"What moved ({number} feature{'' if number == 1 else 's'})"
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(heading if moved else "Nothing moved; nearest:", overflow="fold")
        for name in ("How", "Effect", "Limit", "p"):
            table.add_column(name, justify="left" if name == "How" else "right", no_wrap=True)
        for test in shown:
            table.add_row(
                test.feature_name,
                _METHODS.get(test.method, test.method),
                _number(test.effect_size),
                _number(test.effect_threshold),
                _p(test.p_value_corrected),
                style="red" if test.drifted else "",
            )
        left = len(moved) - len(shown)
        return Group(table, Text(f"and {left} more", style="dim")) if left > 0 else table

    def _joint(self) -> list[Text]:
        joint = next((item for item in self.records if isinstance(item, MultivariateRecord)), None)
        if joint is None:
            return []
        if joint.model_accuracy is None:
            return [Text(f"\nAll features together: not tested: {joint.reason}")]
        relation = "above" if joint.drifted else "within"
        text = (
            f"\nAll features together: told apart with accuracy {_number(joint.model_accuracy)}, "
            f"{relation} the limit of {_number(joint.threshold)} (p {_p(joint.p_value)})"
        )
        if joint.drifted and joint.top_features:
            by = ", ".join(
                f"{each.feature_name} {each.importance:.0%}" for each in joint.top_features[:4]
            )
            text += f", by {by}"
        return [Text(text, style="red" if joint.drifted else "")]

    def _performance(self) -> list[Text]:
        test = next((item for item in self.records if isinstance(item, PerformanceRecord)), None)
        if test is None:
            return [Text("Performance: no ground truth for this window yet")]
        if test.value is None:
            return [Text(f"Performance: not tested: {test.reason}")]
        text = (
            f"Performance: {test.metric} {_number(test.value)} on {test.labelled_rows:,} labelled "
            f"rows, {_number(test.threshold)} at promotion"
        )
        if test.interval_low is not None and test.interval_high is not None:
            text += (
                f" ({_number(test.interval_low)} to {_number(test.interval_high)} would be chance)"
            )
        text += ": worse" if test.drifted else ": not worse"
        if test.unscored_rows:
            text += f"; {test.unscored_rows:,} rows logged without probabilities are left out"
        return [Text(text, style="red" if test.drifted else "")]

    def _estimate(self) -> list[Text]:
        found = (item for item in self.records if isinstance(item, PerformanceEstimateRecord))
        estimate = next(found, None)
        if estimate is None or estimate.value is None:
            return []
        text = (
            f"Estimated without ground truth: {estimate.metric} {_number(estimate.value)} "
            f"({_number(estimate.interval_low)} to {_number(estimate.interval_high)}) on "
            f"{estimate.rows:,} rows: {'worse' if estimate.worse else 'not worse'}"
        )
        return [Text(text, style="red" if estimate.worse else "")]

    def _where(self) -> list[Text]:
        found = [item for item in self.records if isinstance(item, SegmentRecord)]
        return [Text(f"Where: {item.words}") for item in found]

    def _untested(self) -> list[Text]:
        reasons: dict[str, list[str]] = {}
        for item in self.records:
            if isinstance(item, UnivariateRecord) and item.p_value is None:
                reasons.setdefault(item.reason or "no reason given", []).append(item.feature_name)
        return [
            Text(f"Not tested: {', '.join(names)}: {reason}", style="dim")
            for reason, names in reasons.items()
        ]

    def _next(self) -> Text:
        decision = self.decision
        model = decision.model
        if decision.start_retraining:
            what = f"A retraining has started. See how it ends: evergreen history {model}"
        elif decision.verdict == "insufficient_data":
            what = f"Look at a longer --window: {decision.reason}."
        elif decision.triggers:
            what = f"Pictures of what moved: --explain. To retrain now: evergreen retrain {model}"
        else:
            what = "Nothing to do."
        return Text(f"Next    {what}")


def explain(name: str, picture: Numbers | Categories, width: int) -> list[Text]:
    """Draw the histograms of one feature, reference and window, ``width`` columns wide."""
    if isinstance(picture, Numbers):
        return _explain_numbers(name, picture)
    return _explain_categories(name, picture, 14 if width < _NARROW else 28)


def bins_for(width: int) -> int:
    """Return the number of histogram bins for a terminal of ``width`` columns."""
    return 30 if width < _NARROW else 60


def _explain_numbers(name: str, picture: Numbers) -> list[Text]:
    most = max(*picture.reference, *picture.window)
    lines = [
        Text.assemble((name, "bold"), f"  from {picture.edges[0]:.4g} to {picture.edges[-1]:.4g}")
    ]
    sides = (("reference", picture.reference), ("window", picture.window))
    for number, (side, shares) in enumerate(sides):
        median = picture.medians[number]
        said = "all missing" if median is None else f"median {median:.4g}"
        if median is not None and picture.missing[number]:
            said += f", {picture.missing[number]:.1%} missing"
        lines.append(Text(f"  {side:<9} │{histograms.columns(shares, most)}│ {said}"))
    return lines


def _explain_categories(name: str, picture: Categories, width: int) -> list[Text]:
    most = max(*picture.reference, *picture.window)
    lines = [
        Text.assemble((f"{name[:16]:<18}", "bold"), f"{'reference':<{width + 9}}window"),
    ]
    for label, reference, window in zip(
        picture.names, picture.reference, picture.window, strict=True
    ):
        sides = [
            f"{histograms.bar(share, most, width):<{width}} {share:>6.1%}"
            for share in (reference, window)
        ]
        lines.append(Text(f"  {label[:15]:<16}" + "  ".join(sides)))
    return lines


def _when(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001" if value > 1e-9 else "< 1e-9"

"""The HTML report of a check: what it decided, where it is, and every feature with its figure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from evergreen.drift.figures import distribution_figure
from evergreen.page_design import Tone, report_page, report_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evergreen.drift.distributions import Distributions
    from evergreen.drift.records import (
        CheckContext,
        DriftDecision,
        MultivariateTest,
        PerformanceEstimate,
        PerformanceTest,
        SegmentFinding,
        UnivariateTest,
    )

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "drift": ("Drift", "bad"),
    "no_drift": ("No drift", "good"),
    "insufficient_data": ("Too little data", "warn"),
}
MOST_FIGURES = 100
"""The number of features that have a figure: a page with them has some hundred KB."""
_OPEN = 3
"""The number of figures that are open when the page is."""


def report_key(model: str, check_id: str) -> str:
    """Return where a check's report is stored."""
    return f"drift/reports/{model}/{check_id}.html"


def render_report(
    context: CheckContext,
    decision: DriftDecision,
    univariate: tuple[UnivariateTest, ...],
    multivariate: MultivariateTest,
    performance: tuple[PerformanceTest | None, PerformanceEstimate],
    segments: tuple[SegmentFinding, ...],
    distributions: Mapping[str, Distributions],
) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    context, decision, univariate, multivariate, performance, segments
        What the check found: its own records.
    distributions
        The two distributions of each feature that has a figure, those that changed most first.
    """
    verdict, tone = _VERDICTS[decision.verdict]
    if "performance" in decision.triggers and tone == "good":
        verdict, tone = "Performance fell", "bad"
    elif "estimated_performance" in decision.triggers and tone == "good":
        verdict, tone = "Estimated performance fell", "bad"
    return report_page(
        f"{context.model}: drift check",
        verdict,
        tone,
        [
            _summary(context, decision),
            _where(segments),
            _together(multivariate, *performance),
            _figures(univariate, distributions),
            _features(univariate),
        ],
    )


def _summary(context: CheckContext, decision: DriftDecision) -> str:
    return (
        f"<p>{escape(_sentence(decision.reason))}</p>"
        f'<p class="quiet">Version {escape(context.model_version)}, {context.rows:,} rows from '
        f"{_time(context.window_start)} to {_time(context.window_end)} UTC, against "
        f"{escape(context.reference_dataset_id)}. Check {escape(context.check_id)}.</p>"
    )


def _where(segments: tuple[SegmentFinding, ...]) -> str:
    if not segments:
        return ""
    lines = "".join(f"<li>{escape(segment.words)}</li>" for segment in segments)
    return f"<h2>Where it is</h2><ul>{lines}</ul>"


def _together(
    joint: MultivariateTest, performance: PerformanceTest | None, estimate: PerformanceEstimate
) -> str:
    lines = [_joint(joint), _performance(performance), _estimate(estimate)]
    return "<h2>The model as a whole</h2>" + "".join(f"<p>{line}</p>" for line in lines if line)


def _joint(test: MultivariateTest) -> str:
    if test.reason is not None:
        return f"All features at once: not tested, {escape(test.reason)}."
    gave_away = ", ".join(
        f"{escape(item.feature_name)} {item.importance:.0%}" for item in test.top_features
    )
    return (
        f"All features at once: accuracy {_number(test.model_accuracy)} against a limit of "
        f"{_number(test.threshold)} (p {_number(test.p_value)}, {test.rows_per_side:,} rows a "
        f"side).{f' Most important features: {gave_away}.' if gave_away else ''}"
    )


def _performance(test: PerformanceTest | None) -> str:
    if test is None:
        return ""
    if test.reason is not None:
        return f"Performance: not tested, {escape(test.reason)}."
    left_out = (
        f" {test.unscored_rows:,} more were logged without probabilities and are left out."
        if test.unscored_rows
        else ""
    )
    return (
        f"Performance: {escape(test.metric)} {_number(test.value)} "
        f"({_number(test.interval_low)} to {_number(test.interval_high)} would be chance) on "
        f"{test.labelled_rows:,} labelled rows, {_number(test.threshold)} at promotion.{left_out}"
    )


def _estimate(estimate: PerformanceEstimate) -> str:
    if estimate.value is None:
        return ""
    return (
        f"Performance, <em>estimated</em> without ground truth: {escape(estimate.metric)} "
        f"{_number(estimate.value)} ({_number(estimate.interval_low)} to "
        f"{_number(estimate.interval_high)}) on {estimate.rows:,} rows, "
        f"{_number(estimate.threshold)} at promotion."
    )


def _figures(
    univariate: tuple[UnivariateTest, ...], distributions: Mapping[str, Distributions]
) -> str:
    if not distributions:
        return ""
    drifted = {test.feature_name for test in univariate if test.drifted}
    folds = []
    for place, (name, found) in enumerate(distributions.items()):
        moved = name in drifted
        is_open = " open" if moved and place < _OPEN else ""
        badge = '<span class="badge bad">drifted</span>' if moved else ""
        folds.append(
            f"<details{is_open}><summary><strong>{escape(name)}</strong>{badge}</summary>"
            f"{distribution_figure(name, found)}</details>"
        )
    key = (
        '<p class="quiet"><span class="key reference"></span> reference &nbsp; '
        '<span class="key window"></span> window</p>'
    )
    return f"<h2>Features, those that changed most first</h2>{key}{''.join(folds)}"


def _features(tests: tuple[UnivariateTest, ...]) -> str:
    head = ("feature", "method", "verdict", "note", "corrected p", "effect", "needed")
    ordered = sorted(tests, key=lambda test: not test.drifted)
    rows = [
        (
            test.feature_name,
            test.method,
            "drifted" if test.drifted else "–" if test.p_value is None else "stable",
            test.reason or "",
            test.p_value_corrected,
            test.effect_size,
            test.effect_threshold,
        )
        for test in ordered
    ]
    marked = [test.drifted for test in ordered]
    return f"<h2>Every test</h2>{report_table(head, rows, marked, texts=4)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"

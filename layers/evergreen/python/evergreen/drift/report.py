"""The HTML report of a check: our decision and tests on top, Evidently's figures below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from evergreen.clock import to_text

if TYPE_CHECKING:
    from evergreen.drift.log import (
        CheckContext,
        DriftDecision,
        MultivariateTest,
        PerformanceEstimate,
        PerformanceTest,
        SegmentFinding,
        UnivariateTest,
    )

_STYLE = (
    "font-family:system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
    "line-height:1.5;color:#1b1f24;background:#fff"
)
_TITLES = {"drift": "Drift", "no_drift": "No drift", "insufficient_data": "Too little data"}


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
    evidently_html: str | None,
) -> str:
    """Return the report as one self-contained HTML page.

    Evidently's own verdicts use neither the correction over all features nor effect sizes. So its
    page is kept for the figures, and the verdicts that count stand above it.
    """
    section = "".join(
        [
            f'<section style="{_STYLE}">',
            f"<h1>{escape(context.model)}: {_TITLES[decision.verdict]}</h1>",
            f"<p>{escape(decision.reason)}</p>",
            (
                f"<p>Version {escape(context.model_version)}, {context.rows} rows from "
                f"{to_text(context.window_start)} to {to_text(context.window_end)}, against "
                f"{escape(context.reference_dataset_id)}. Check {escape(context.check_id)}.</p>"
            ),
            _joint(multivariate),
            _performance(performance[0]) if performance[0] else "",
            _estimate(performance[1]),
            _where(segments),
            _features(univariate),
            "<p>Evidently's figures follow. Its verdicts are per feature, without correction or "
            "effect size; those above count.</p>"
            if evidently_html
            else "",
            "</section>",
        ]
    )
    if evidently_html is None:
        return f"<!doctype html><meta charset='utf-8'><title>Drift</title><body>{section}</body>"
    start = evidently_html.index("<body")
    after = evidently_html.index(">", start) + 1
    return evidently_html[:after] + section + evidently_html[after:]


def _joint(test: MultivariateTest) -> str:
    if test.reason is not None:
        return f"<p>All features at once: not tested, {escape(test.reason)}.</p>"
    gave_away = ", ".join(
        f"{escape(item.feature_name)} {item.importance:.0%}" for item in test.top_features
    )
    return (
        f"<p>All features at once: accuracy {_number(test.model_accuracy)} against a limit of "
        f"{_number(test.threshold)} (p {_number(test.p_value)}, {test.rows_per_side} rows a side)."
        f"{f' Most important features: {gave_away}.' if gave_away else ''}</p>"
    )


def _performance(test: PerformanceTest) -> str:
    if test.reason is not None:
        return f"<p>Performance: not tested, {escape(test.reason)}.</p>"
    return (
        f"<p>Performance: {escape(test.metric)} {_number(test.value)} "
        f"({_number(test.interval_low)} to {_number(test.interval_high)}) on {test.labelled_rows} "
        f"labelled rows, {_number(test.threshold)} at promotion.</p>"
    )


def _estimate(estimate: PerformanceEstimate) -> str:
    if estimate.value is None:
        return ""
    return (
        f"<p>Performance, <em>estimated</em> without ground truth: {escape(estimate.metric)} "
        f"{_number(estimate.value)} ({_number(estimate.interval_low)} to "
        f"{_number(estimate.interval_high)}) on {estimate.rows} rows, "
        f"{_number(estimate.threshold)} at promotion.</p>"
    )


def _where(segments: tuple[SegmentFinding, ...]) -> str:
    if not segments:
        return ""
    lines = "".join(f"<li>{escape(segment.words)}</li>" for segment in segments)
    return f"<p>Where it is:</p><ul>{lines}</ul>"


def _features(tests: tuple[UnivariateTest, ...]) -> str:
    head = ("feature", "method", "verdict", "corrected p", "effect", "needed", "note")
    rows = [
        (
            escape(test.feature_name),
            escape(test.method),
            "<strong>drifted</strong>" if test.drifted else "–" if test.reason else "stable",
            _number(test.p_value_corrected),
            _number(test.effect_size),
            _number(test.effect_threshold),
            escape(test.reason or ""),
        )
        for test in sorted(tests, key=lambda test: not test.drifted)
    ]
    cells = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    titles = "".join(f'<th style="text-align:left">{title}</th>' for title in head)
    return f'<table cellpadding="6"><tr>{titles}</tr>{"".join(cells)}</table>'


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"

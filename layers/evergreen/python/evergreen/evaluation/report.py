"""An evaluation for people: one page with every number and picture, and the same as JSON.

The page stands alone: its pictures are part of it. It goes to the challenger's run in MLflow, as
``evaluation/report.html`` beside ``report.json`` and the pictures, and the decision record names
it.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.clock import to_text
from evergreen.evaluation.calibration import reliability
from evergreen.evaluation.confusion import confusion
from evergreen.evaluation.plots import plots
from evergreen.evaluation.series_scores import score_series
from evergreen.page_design import Tone, report_page, report_table

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.evaluation.comparison import Comparison
    from evergreen.evaluation.scoring import ScoredPredictions
    from evergreen.evaluation.series_scores import SeriesScore
    from evergreen.evaluation.side_by_side import EvaluationResult

ARTIFACT = "evaluation"
REPORT_PAGE, REPORT_DATA = "report.html", "report.json"
_WORST_SERIES = 20
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """What an evaluation was made of: run, versions, data set and time."""

    run_id: str
    """The challenger's run."""
    challenger: str
    champion: str | None
    dataset_id: str
    at: datetime


def report_files(evaluation: EvaluationResult, context: EvaluationContext) -> dict[str, bytes]:
    """Return the files of the report: the page, its data, and each picture, by name."""
    pictures = {}
    for name, figure in plots(evaluation).items():
        sink = io.BytesIO()
        figure.savefig(sink, format="png")
        pictures[f"{name}.png"] = sink.getvalue()
    data = json.dumps(report_data(evaluation, context), indent=1, default=str)
    page = _page(evaluation, context, pictures)
    return {REPORT_PAGE: page.encode(), REPORT_DATA: data.encode(), **pictures}


def report_data(evaluation: EvaluationResult, context: EvaluationContext) -> dict[str, Any]:
    """Return every number of the report: the comparison, all segments, and what is drawn."""
    models = {"challenger": evaluation.challenger}
    if evaluation.champion:
        models["champion"] = evaluation.champion
    return {
        "model": evaluation.definition.name,
        **asdict(context),
        "at": to_text(context.at),
        "comparison": evaluation.comparison.model_dump(mode="json"),
        "segments": [segment.model_dump(mode="json") for segment in evaluation.segments],
        "series": [asdict(score) for score in _scored_series(evaluation)],
        "origins": [asdict(window) for window in evaluation.origins],
        "answers": {name: _answers(evaluation, model) for name, model in models.items()},
    }


def _answers(evaluation: EvaluationResult, model: ScoredPredictions) -> dict[str, Any]:
    if evaluation.definition.task != "classification":
        quantiles = np.quantile(evaluation.ground_truth - model.outputs, _QUANTILES).tolist()
        return {
            "residual_quantiles": {
                f"{share:g}": value for share, value in zip(_QUANTILES, quantiles, strict=True)
            }
        }
    table = confusion(evaluation.ground_truth, model.outputs)
    found: dict[str, Any] = {
        "confusion": {"labels": table.labels, "true_by_said": table.counts.tolist()}
    }
    if model.probabilities is not None:
        curve = reliability(
            evaluation.ground_truth, model.outputs, model.probabilities, model.classes
        )
        found["calibration"] = {
            "about": curve.about,
            "said": curve.mean_predicted.tolist(),
            "came_true": curve.share_true.tolist(),
        }
    return found


def _page(
    evaluation: EvaluationResult, context: EvaluationContext, pictures: dict[str, bytes]
) -> str:
    against = f"version {context.champion}" if context.champion else "nothing in production"
    comparison = evaluation.comparison
    sections = [
        (
            f"<p>{escape(_sentence(comparison.reason))}</p>"
            f'<p class="quiet">Compared on {context.at:%Y-%m-%d at %H:%M} UTC, on the holdout of '
            f"data set {escape(context.dataset_id)}.</p>"
        ),
        _numbers(comparison),
        _segments(evaluation),
        _windows(evaluation),
        *_series(evaluation),
        *(
            f"<h2>{escape(Path(name).stem.replace('_', ' ').capitalize())}</h2>"
            f'<img alt="{escape(Path(name).stem)}" '
            f'src="data:image/png;base64,{base64.b64encode(body).decode()}">'
            for name, body in pictures.items()
        ),
    ]
    title = f"{evaluation.definition.name}: version {context.challenger} against {against}"
    tone: Tone = "good" if comparison.decision == "promote" else "bad"
    return report_page(title, comparison.decision, tone, sections)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _numbers(comparison: Comparison) -> str:
    names = [*comparison.beside_challenger]
    rows = [
        (comparison.metric, comparison.metric_champion, comparison.metric_challenger),
        *(
            (name, comparison.beside_champion.get(name), comparison.beside_challenger[name])
            for name in names
        ),
        ("rows it was trained on", comparison.seen_by_champion, comparison.seen_by_challenger),
    ]
    more = ""
    if comparison.interval is not None and comparison.probability_on_holdout is not None:
        low, high = comparison.interval
        more = (
            f"<p>Better in {comparison.probability_on_holdout:.1%} of the resamples; the "
            f"improvement lies between {low:.4g} and {high:.4g} with the confidence asked for.</p>"
            f"{_aging(comparison)}"
        )
    head = ("", "champion", "challenger")
    return f"<h2>On all {comparison.rows:,} rows</h2>{report_table(head, rows)}{more}"


def _aging(comparison: Comparison) -> str:
    """Say what the rolling origins add, and what both say together."""
    aging, together = comparison.aging, comparison.probability_better
    if aging is None or together is None:
        return ""
    head = ("without the newest", "origins", "worse at", "worse by", "standard error")
    worse = round(aging.share_worse * aging.origins)
    row = (f"{aging.rows:,} rows", aging.origins, worse, aging.loss, aging.error)
    return (
        "<h2>At earlier origins</h2><p>What models of the training rows lost to models that had "
        f"learnt newer rows. Together with the holdout the challenger is better with probability "
        f"{together:.1%}.</p>{report_table(head, [row])}"
    )


def _segments(evaluation: EvaluationResult) -> str:
    if not evaluation.segments:
        return ""
    head = ("segment", "rows", "champion", "challenger", "probability worse than allowed")
    rows = [
        (
            f"{segment.feature} = {segment.segment}",
            segment.rows,
            segment.champion,
            segment.challenger,
            segment.probability_worse,
        )
        for segment in evaluation.segments
    ]
    marked = [segment.refused for segment in evaluation.segments]
    allowed = evaluation.definition.evaluation.max_segment_regression
    unit = "points" if evaluation.definition.more_is_better else "of the champion's"
    return (
        f"<h2>Protected segments</h2><p>Allowed to be worse by {allowed:g} {unit}; "
        f"{evaluation.comparison.segments_judged} have rows enough to judge.</p>"
        f"{report_table(head, rows, marked)}"
    )


def _scored_series(evaluation: EvaluationResult) -> tuple[SeriesScore, ...]:
    return score_series(
        evaluation.definition,
        evaluation.holdout,
        evaluation.ground_truth,
        champion=None if evaluation.champion is None else evaluation.champion.outputs,
        challenger=evaluation.challenger.outputs,
    )


def _series(evaluation: EvaluationResult) -> list[str]:
    """Return a table for the series, the worst ones only, and one for the horizons."""
    found = _scored_series(evaluation)
    tables = []
    for feature in dict.fromkeys(score.feature for score in found):
        scores = [score for score in found if score.feature == feature]
        is_series = bool(
            evaluation.definition.forecast and feature == evaluation.definition.forecast.series
        )
        shown = scores[:_WORST_SERIES] if is_series else scores
        rows = [
            (each.value, each.rows, each.champion, each.challenger, each.seasonal_naive)
            for each in shown
        ]
        worse = sum(score.is_worse for score in scores)
        about = f"The seasonal naive forecast is better for {worse:,} of {len(scores):,}."
        if len(shown) < len(scores):
            about += f" Shown are the {len(shown)} worst against it."
        name = evaluation.definition.metric
        title = f"{'Series' if is_series else 'Steps ahead'}: {name} by {feature}"
        head = (feature, "rows", "champion", "challenger", "seasonal naive")
        table = report_table(head, rows, [score.is_worse for score in shown])
        tables.append(f"<h2>{escape(title)}</h2><p>{about}</p>{table}")
    return tables


def _windows(evaluation: EvaluationResult) -> str:
    if not evaluation.origins:
        return ""
    head = ("origins", "rows", "champion", "challenger", "seasonal naive")
    rows = [
        (
            f"{window.first_origin:%Y-%m-%d %H:%M} to {window.last_origin:%Y-%m-%d %H:%M}",
            window.rows,
            window.champion,
            window.challenger,
            window.seasonal_naive,
        )
        for window in evaluation.origins
    ]
    return f"<h2>Rolling origins: RMSE</h2>{report_table(head, rows)}"

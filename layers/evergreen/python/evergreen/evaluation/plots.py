"""The pictures of an evaluation: what both models got right and wrong on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from evergreen.datasets.schema import TIMESTAMP
from evergreen.datasets.steps import rows_per_step, track_of
from evergreen.evaluation.calibration import reliability
from evergreen.evaluation.confusion import confusion
from evergreen.evaluation.rolling_origin import windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from evergreen.evaluation.scoring import ScoredPredictions
    from evergreen.evaluation.side_by_side import EvaluationResult

# Told apart by colour-blind eyes too (P. Tol, "Colour Schemes", SRON technical note, 2021).
_CHAMPION, _CHALLENGER, _GROUND_TRUTH = "#4477AA", "#EE6677", "#222222"
_MAX_POINTS = 4000
"""More points than this are sampled: a scatter of all would be one blot, and slow."""
_SHOWN_ORIGINS = 90
"""Forecasts that are drawn beside what came; more would lie on top of each other."""
_FEWEST_BINS, _MOST_BINS = 5, 60


def plots(evaluation: EvaluationResult) -> dict[str, Figure]:
    """Return the pictures that fit the task, by name.

    Classification: ``confusion`` and, where there are probabilities, ``calibration``. Numbers:
    ``residuals`` and ``residual_histogram``. Time series also: ``forecasts`` and ``origins``.
    Where there was a champion: ``improvement``.
    """
    if evaluation.definition.task == "classification":
        figures = {"confusion": _confusion(evaluation)}
        if any(model.probabilities is not None for _, model, _ in _models(evaluation)):
            figures["calibration"] = _calibration(evaluation)
    else:
        figures = {
            "residuals": _residuals(evaluation),
            "residual_histogram": _residual_histogram(evaluation),
        }
    if evaluation.origins:
        figures |= {"forecasts": _forecasts(evaluation), "origins": _origins(evaluation)}
    if evaluation.improvements is not None:
        figures["improvement"] = _improvement(evaluation, evaluation.improvements)
    return figures


def _models(evaluation: EvaluationResult) -> list[tuple[str, ScoredPredictions, str]]:
    models = [("champion", evaluation.champion, _CHAMPION)] if evaluation.champion else []
    return [*models, ("challenger", evaluation.challenger, _CHALLENGER)]


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", dpi=110)


def _title(evaluation: EvaluationResult, name: str, model: ScoredPredictions) -> str:
    return f"{name}: {evaluation.definition.metric} {model.metric:.4g}"


def _confusion(evaluation: EvaluationResult) -> Figure:
    models = _models(evaluation)
    figure = _figure(4.6 * len(models), 4.4)
    axes = figure.subplots(1, len(models), squeeze=False)[0]
    for axis, (name, model, _) in zip(axes, models, strict=True):
        table = confusion(evaluation.ground_truth, model.outputs)
        shares = table.counts / np.maximum(table.counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Greens", vmin=0, vmax=1)
        for row, column in np.ndindex(*shares.shape):
            axis.text(
                column,
                row,
                f"{table.counts[row, column]:,}\n{shares[row, column]:.0%}",
                ha="center",
                va="center",
                fontsize=8 if shares.shape[0] > 4 else 10,
                color="white" if shares[row, column] > 0.55 else "black",
            )
        ticks = range(len(table.labels))
        axis.set_xticks(ticks, table.labels, rotation=45 if len(table.labels) > 4 else 0)
        axis.set_yticks(ticks, table.labels)
        axis.set(xlabel="said", ylabel="true", title=_title(evaluation, name, model))
    figure.suptitle("Rows, and their share of the true class")
    return figure


def _calibration(evaluation: EvaluationResult) -> Figure:
    figure = _figure(6.4, 6.0)
    curve, amounts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], color=_GROUND_TRUTH, linestyle=":", linewidth=1, label="perfect")
    about = ""
    for name, model, colour in _models(evaluation):
        if model.probabilities is None:
            continue
        found = reliability(
            evaluation.ground_truth, model.outputs, model.probabilities, model.classes
        )
        about = found.about
        curve.plot(found.mean_predicted, found.share_true, marker="o", color=colour, label=name)
        amounts.hist(
            found.probabilities,
            bins=list(np.linspace(0, 1, 41)),
            histtype="step",
            color=colour,
            label=name,
        )
    curve.set(ylabel="share that came true", title=f"Calibration: {about}")
    curve.legend()
    amounts.set(xlabel="probability said", ylabel="rows", xlim=(0, 1))
    return figure


def _residuals(evaluation: EvaluationResult) -> Figure:
    models = _models(evaluation)
    figure = _figure(5.0 * len(models), 4.4)
    axes = figure.subplots(1, len(models), squeeze=False, sharey=True)[0]
    rows = _some(evaluation.ground_truth.size)
    for axis, (name, model, colour) in zip(axes, models, strict=True):
        predicted = model.outputs[rows]
        axis.scatter(
            predicted,
            evaluation.ground_truth[rows] - predicted,
            s=9,
            alpha=0.35,
            color=colour,
            linewidths=0,
        )
        axis.axhline(0, color=_GROUND_TRUTH, linewidth=1)
        axis.set(xlabel="predicted", title=_title(evaluation, name, model))
    axes[0].set_ylabel("true minus predicted")
    return figure


def _residual_histogram(evaluation: EvaluationResult) -> Figure:
    figure = _figure(6.4, 4.0)
    axis = figure.subplots()
    residuals = [evaluation.ground_truth - model.outputs for _, model, _ in _models(evaluation)]
    # A few outliers must not leave one bar for all the others.
    low, high = np.quantile(np.concatenate(residuals), [0.002, 0.998])
    bins = list(np.linspace(low, high, _bins(evaluation.ground_truth.size) + 1))
    for (name, _, colour), values in zip(_models(evaluation), residuals, strict=True):
        axis.hist(
            np.clip(values, low, high),
            bins=bins,
            histtype="step",
            linewidth=1.6,
            color=colour,
            label=f"{name}: mean {values.mean():.3g}",
        )
    axis.axvline(0, color=_GROUND_TRUTH, linewidth=1)
    axis.set(xlabel="true minus predicted", ylabel="rows", title="Residuals (ends: all beyond)")
    axis.legend()
    return figure


def _forecasts(evaluation: EvaluationResult) -> Figure:
    figure = _figure(10.0, 6.4)
    newest, errors = figure.subplots(2, 1, height_ratios=[3, 2])
    several = evaluation.definition.step_features
    times = evaluation.holdout[TIMESTAMP].to_numpy()
    # Of several series the one with most rows: lines through all would join what does not follow.
    tracks = track_of(evaluation.definition, evaluation.holdout)
    track = int(np.bincount(tracks).argmax())
    shown = np.flatnonzero(tracks == track)[-_SHOWN_ORIGINS:]
    newest.plot(
        times[shown],
        evaluation.ground_truth[shown],
        color=_GROUND_TRUTH,
        linewidth=1.8,
        label="came",
    )
    for name, model, colour in _models(evaluation):
        newest.plot(times[shown], model.outputs[shown], color=colour, linewidth=1.2, label=name)
        style = ("", ".") if several else ("-", "")
        errors.plot(
            times,
            evaluation.ground_truth - model.outputs,
            color=colour,
            linewidth=0.9,
            linestyle=style[0],
            marker=style[1],
            markersize=3,
        )
    errors.axhline(0, color=_GROUND_TRUTH, linewidth=1)
    horizon = evaluation.definition.longest_horizon
    newest.set(
        ylabel=evaluation.definition.target,
        title=f"Forecasts {'up to ' if several else ''}{horizon} steps ahead, and what came: "
        f"the newest origins{_named(evaluation, shown) if several else ''}",
    )
    errors.set(
        xlabel="origin: when the forecast was made",
        ylabel="true minus predicted",
        title="Errors at all origins of the holdout",
    )
    newest.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    _slant_dates(errors)
    return figure


def _named(evaluation: EvaluationResult, rows: NDArray[np.intp]) -> str:
    """Return which of several series and horizons some rows are of."""
    first = evaluation.holdout.slice(int(rows[0]), 1)
    names = evaluation.definition.step_features
    said = {name: first[name][0].as_py() for name in names}
    return "".join(
        f", {name} = {value:g}" if isinstance(value, float) else f", {name} = {value}"
        for name, value in said.items()
    )


def _origins(evaluation: EvaluationResult) -> Figure:
    figure = _figure(10.0, 4.0)
    axis = figure.subplots()
    times = evaluation.holdout[TIMESTAMP].to_numpy()
    per_step = rows_per_step(evaluation.definition, evaluation.holdout)
    first = times[[part.start for part in windows(evaluation.definition, times.size, per_step)]]
    lines = {
        "seasonal naive": ([window.seasonal_naive for window in evaluation.origins], _GROUND_TRUTH),
        "challenger": ([window.challenger for window in evaluation.origins], _CHALLENGER),
    }
    if evaluation.champion:
        lines["champion"] = (
            [window.champion or 0.0 for window in evaluation.origins],
            _CHAMPION,
        )
    for name, (values, colour) in lines.items():
        style = ":" if name == "seasonal naive" else "-"
        axis.plot(first, values, marker="o", linestyle=style, color=colour, label=name)
    axis.set(
        xlabel="first origin of the window",
        ylabel="RMSE",
        title="Rolling origins: the same windows for all",
        ylim=(0, None),
    )
    _slant_dates(axis)
    axis.legend()
    return figure


def _improvement(evaluation: EvaluationResult, improvements: NDArray[np.float64]) -> Figure:
    figure = _figure(6.4, 4.0)
    axis = figure.subplots()
    asked = evaluation.definition.evaluation.min_improvement
    axis.hist(improvements, bins=_bins(improvements.size), color="#BBBBBB")
    axis.axvline(asked, color=_GROUND_TRUTH, linewidth=1.4, label=f"asked for: {asked:g}")
    if evaluation.comparison.interval is not None:
        low, high = evaluation.comparison.interval
        confidence = evaluation.definition.evaluation.confidence
        axis.axvspan(low, high, color=_CHALLENGER, alpha=0.18, label=f"{confidence:.0%} interval")
    metric = evaluation.comparison.metric
    better = evaluation.comparison.probability_on_holdout
    axis.set(
        xlabel=f"by how much the challenger's {metric} is better",
        ylabel="resamples",
        title=f"Better in {better:.1%} of the resamples",
    )
    axis.legend()
    return figure


def _bins(count: int) -> int:
    return int(np.clip(np.sqrt(count), _FEWEST_BINS, _MOST_BINS))


def _some(count: int) -> NDArray[np.intp]:
    if count <= _MAX_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, _MAX_POINTS, replace=False))


def _slant_dates(axis: Axes) -> None:
    for label in axis.get_xticklabels():
        label.set(rotation=25, ha="right")

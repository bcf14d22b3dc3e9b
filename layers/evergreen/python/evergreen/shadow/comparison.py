"""The shadow comparison: champion and challenger on live traffic, from the request log.

The challenger scores the rows that the champion answers (:mod:`evergreen.shadow.scorer`). The log
has the predictions of both. The comparison reads from it whether the challenger kept within its
budget, how far its predictions are from the champion's, and, where ground truth is there, which
model was right.

A challenger may differ from the champion, because it was trained to replace it. It is rejected if
it fails, if it is slower than its budget, or if ground truth shows that it is worse.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from evergreen.bundle.served import with_known_labels
from evergreen.bundle.store import read_signature
from evergreen.datasets.steps import rows_per_step
from evergreen.evaluation.bootstrap import resample
from evergreen.evaluation.class_probabilities import (
    logged_shares,
    named_classes,
    shares_of_classes,
)
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length
from evergreen.model_definition.definition import PROBABILITIES
from evergreen.shadow.distances import concordance, label_distance, largest_gap
from evergreen.shadow.scorer import ERRORS

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from evergreen.clock import Clock
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ShadowSlot
    from evergreen.storage import Storage

MIN_LABELLED = 50
"""With fewer labelled rows the bootstrap is too uncertain, and ground truth rejects nobody."""
_CHALLENGER = "challenger_"


class ShadowComparison(BaseModel):
    """The result of the shadow stage so far, and its verdict."""

    model_config = ConfigDict(frozen=True)

    verdict: Literal["waiting", "promote", "reject"]
    reason: str
    predictions: int
    """Rows that were given to the challenger."""
    errors: int
    """Rows of these that it did not score within its budget."""
    agreement: float | None
    """Classification: share of rows with the same label. Else: concordance correlation (L. Lin,
    "A concordance correlation coefficient to evaluate reproducibility", *Biometrics* 45, 1989)."""
    output_distance: float | None
    """Between the two distributions of outputs, 0 to 1: Jensen-Shannon distance (base 2) of labels,
    Kolmogorov-Smirnov statistic of numbers."""
    confidence_distance: float | None
    """Kolmogorov-Smirnov statistic of the confidences, where there are any."""
    champion_ms: float | None
    """95th percentile of the time that one request's rows took, in milliseconds."""
    challenger_ms: float | None
    labelled: int
    """Rows with ground truth that both have scored."""
    metric_champion: float | None
    metric_challenger: float | None
    probability_worse: float | None
    """Share of the bootstrap draws in which the challenger is worse; None with fewer labelled rows
    than :data:`MIN_LABELLED`."""


def compare_shadow(
    storage: Storage,
    lake: Lake,
    definition: ModelDefinition,
    slot: ShadowSlot,
    *,
    clock: Clock,
) -> ShadowComparison:
    """Compare challenger and champion on the rows that both were given since the start.

    Parameters
    ----------
    storage
        The data bucket, for the challenger's classes.
    lake
        Reads the request log.
    definition
        The model, with the number of rows to wait for and the limits.
    slot
        The challenger.
    clock
        Gives the current time, for the time limit.

    Raises
    ------
    BundleError
        If the challenger's bundle is missing, incomplete or altered.
    """
    now = clock()
    log = lake.predictions(definition, slot.started_at, now)
    champion = log.filter(pc.equal(log["role"], "champion"))
    about = [json.loads(text) for text in champion["metadata"].to_pylist()]
    outcomes = [_outcome(entry, slot.version) for entry in about]
    counts = Counter(outcomes)
    errors = sum(counts[name] for name in ERRORS)
    asked = counts["scored"] + errors
    both = _paired(
        definition,
        champion.filter(pa.array([name == "scored" for name in outcomes], pa.bool_())),
        log,
        slot,
    )
    seen = _differences(definition, both)
    measured = _against_ground_truth(storage, lake, definition, slot, both, now)
    waiting = asked < definition.shadow.min_predictions
    in_time = now < slot.started_at + definition.shadow.max_wait
    verdict: Literal["waiting", "promote", "reject"]
    if waiting and in_time:
        verdict = "waiting"
        reason = f"{asked} of {definition.shadow.min_predictions} predictions"
    else:
        refused = _objection(definition, both.num_rows, asked, errors, measured)
        verdict = "reject" if refused else "promote"
        reason = refused or _praise(asked, seen["agreement"], measured)
    return ShadowComparison(
        verdict=verdict, reason=reason, predictions=asked, errors=errors, **seen, **measured
    )


def _outcome(metadata: dict[str, Any], version: str) -> str:
    note = metadata.get("shadow")
    if not isinstance(note, dict) or note.get("version") != version:
        return "none"
    return str(note.get("outcome"))


def _paired(
    definition: ModelDefinition, champion: pa.Table, log: pa.Table, slot: ShadowSlot
) -> pa.Table:
    """Join the rows that both have scored; the challenger's columns have its name as prefix."""
    mine = pc.and_(pc.equal(log["role"], "shadow"), pc.equal(log["model_version"], slot.version))
    columns = ["request_id", "row", "model_output", "confidence", "metadata"]
    columns += [name for name in (PROBABILITIES,) if name in log.column_names]
    also = ["timestamp", *definition.step_features]
    challenger = log.filter(mine).select(columns)
    names = [*columns[:2], *(_CHALLENGER + name for name in columns[2:])]
    joined = champion.select([*also, *columns]).join(
        challenger.rename_columns(names), keys=columns[:2], join_type="inner"
    )
    return joined.sort_by(
        [("timestamp", "ascending"), ("request_id", "ascending"), ("row", "ascending")]
    )


def _differences(definition: ModelDefinition, both: pa.Table) -> dict[str, float | None]:
    if not both.num_rows:
        return dict.fromkeys(
            ("agreement", "output_distance", "confidence_distance", "champion_ms", "challenger_ms")
        )
    first, second = (_outputs(both, prefix) for prefix in ("", _CHALLENGER))
    if definition.task == "classification":
        agreement = float(np.mean(first == second))
        distance = label_distance(first, second)
    else:
        agreement = concordance(first, second)
        distance = largest_gap(first, second)
    sure, unsure = (both[f"{prefix}confidence"].drop_null() for prefix in ("", _CHALLENGER))
    confident = len(sure) > 0 and len(unsure) > 0
    return {
        "agreement": agreement,
        "output_distance": distance,
        "confidence_distance": (
            largest_gap(sure.to_numpy(), unsure.to_numpy()) if confident else None
        ),
        "champion_ms": _latency(both, ""),
        "challenger_ms": _latency(both, _CHALLENGER),
    }


def _outputs(both: pa.Table, prefix: str) -> NDArray[Any]:
    values = both[prefix + "model_output"].to_pylist()
    text = bool(values) and isinstance(values[0], str)
    return np.array(values, dtype=object if text else np.float64)


def _latency(both: pa.Table, prefix: str) -> float:
    firsts = both.filter(pc.equal(both["row"], 0))[prefix + "metadata"].to_pylist()
    times = [float(json.loads(text)["inference_ms"]) for text in firsts]
    return float(np.quantile(times, 0.95)) if times else 0.0


def _against_ground_truth(
    storage: Storage,
    lake: Lake,
    definition: ModelDefinition,
    slot: ShadowSlot,
    both: pa.Table,
    now: datetime,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "labelled": 0,
        **dict.fromkeys(("metric_champion", "metric_challenger", "probability_worse")),
    }
    if not both.num_rows:
        return found
    signature = read_signature(storage, slot)
    known_labels = lake.labels(with_known_labels(definition, signature), slot.started_at, now)
    labels = known_labels.select(["request_id", "row", "label"])
    known = both.join(labels, keys=["request_id", "row"], join_type="inner").sort_by("timestamp")
    measure = measure_of(definition)
    shares = [logged_shares(known, prefix) for prefix in ("", _CHALLENGER)]
    classes = sorted({*(signature.classes or ()), *named_classes(*shares)})
    if measure.has_columns(classes):  # rows that were logged without probabilities do not count
        complete = [None not in each for each in zip(*shares, strict=True)]
        known = known.filter(pa.array(complete, pa.bool_()))
        shares = [
            [each for each, kept in zip(side, complete, strict=True) if kept] for side in shares
        ]
    found["labelled"] = known.num_rows
    if not known.num_rows:
        return found
    sides = [_outputs(known, prefix) for prefix in ("", _CHALLENGER)]
    ground_truth = np.array(known["label"].to_pylist(), dtype=sides[0].dtype)
    ground_truth = measure.truth(ground_truth, classes)
    sides = [
        measure.answers(
            side,
            known[f"{prefix}confidence"].to_numpy(),
            classes,
            shares_of_classes(named, classes) if measure.has_columns(classes) else None,
        )
        for side, named, prefix in zip(sides, shares, ("", _CHALLENGER), strict=True)
    ]
    metrics = [measure.score(ground_truth, side, classes) for side in sides]
    found |= {"metric_champion": metrics[0], "metric_challenger": metrics[1]}
    if known.num_rows < MIN_LABELLED:
        return found
    block = block_length(definition, known.num_rows, rows_per_step(definition, known))
    old, new = resample(measure, ground_truth, sides[0], sides[1], classes, block=block)
    worse = new < old if measure.more_is_better else new > old
    return found | {"probability_worse": float(np.mean(worse))}


def _objection(
    definition: ModelDefinition, scored: int, asked: int, errors: int, measured: dict[str, Any]
) -> str | None:
    """Return why the challenger is rejected, or None."""
    most = definition.shadow.max_error_share
    if errors > most * asked:
        return (
            f"in the shadow it failed, or was slower than its budget, for {errors} of {asked} "
            f"predictions; the limit is {most:.1%}"
        )
    if not scored:
        return "in the shadow it scored no row before the time limit"
    worse = measured["probability_worse"]
    if worse is not None and worse >= definition.evaluation.confidence:
        return (
            f"in the shadow its {definition.metric} on {measured['labelled']} labelled rows was "
            f"{measured['metric_challenger']:.4g} against {measured['metric_champion']:.4g} "
            f"(worse with P {worse:.2f})"
        )
    return None


def _praise(asked: int, agreement: float | None, measured: dict[str, Any]) -> str:
    said = f"in the shadow it kept up for {asked} predictions (agreement {agreement or 0:.2f})"
    if measured["labelled"]:
        said += (
            f", with {measured['metric_challenger']:.4g} against {measured['metric_champion']:.4g}"
        )
        said += f" on {measured['labelled']} labelled rows"
    return said

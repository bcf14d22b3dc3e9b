"""The windows of a series: what its first champion answers, and what came true."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, rows_of, split_rows
from evergreen.training.trainer import fit, to_features

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition
    from tests.benchmarks.loop.series import Series

FEWEST, MOST = 100, 5_000
"""Rows of a window that is used, and rows that are drawn of a larger one."""
OF_CLASSES = ("accuracy", "roc_auc", "pr_auc", "log_loss", "brier")
"""The metrics of classes. Both estimate the first by the same formula; a default F1 differs in its
average. NannyML has no log loss and no Brier score."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows with features, and with ``label``, ``model_output``, ``confidence``, ``p0``, ``p1``…

    Of more than two classes ``probabilities`` has them as the request log does.
    """

    features: Columns
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Watched:
    """A series whose first champion serves every period: its holdout and its windows.

    One definition for each metric that is estimated.
    """

    definitions: list[ModelDefinition]
    classes: list[str]
    holdout: Answered
    windows: list[Answered]


def watch(series: Series, most: int) -> Watched:
    """Train the first champion, and let it answer the first ``most`` periods that have rows."""
    definition = series.definition
    metrics = OF_CLASSES if definition.task == "classification" else (definition.metric,)
    definitions = [
        definition.model_copy(
            update={"evaluation": definition.evaluation.model_copy(update={"metric": metric})}
        )
        for metric in metrics
    ]
    definition = definitions[0]
    rows = split_rows(definition, _table(definition, series.between(None, series.bounds[0])))
    held = rows_of(rows, HOLDOUT)
    model: Any = fit(definition, series.trainer, rows)
    classes = [str(each) for each in getattr(model, "classes_", [])]
    windows = []
    for start, end in series.periods:
        served = series.between(start, end)
        if len(served) >= FEWEST:
            served = served.sample(min(len(served), MOST), random_state=0).sort_index()
            windows.append(_answered(definition, model, classes, _table(definition, served)))
        if len(windows) == most:
            break
    return Watched(definitions, classes, _answered(definition, model, classes, held), windows)


def _table(definition: ModelDefinition, rows: pd.DataFrame) -> pa.Table:
    if definition.task == "classification":  # a data set keeps labels as text
        rows = rows.assign(**{definition.target: rows[definition.target].astype(str)})
    return pa.Table.from_pandas(rows, preserve_index=False)


def _answered(
    definition: ModelDefinition, model: Any, classes: list[str], rows: pa.Table
) -> Answered:
    seen = to_features(definition, rows)
    outputs, target = model.predict(seen), rows[definition.target].to_pandas()
    columns: dict[str, Any] = {"timestamp": rows["timestamp"]}
    if classes:
        scores = model.predict_proba(seen)
        columns |= {"label": target.astype(str), "model_output": outputs.astype(str)}
        columns |= {"confidence": scores.max(axis=1)}
        columns |= {f"p{place}": scores[:, place] for place in range(len(classes))}
        if len(classes) > 2:
            named = (dict(zip(classes, row, strict=True)) for row in scores.tolist())
            columns["probabilities"] = [json.dumps(row) for row in named]
    else:
        columns |= {"label": target.astype(float), "model_output": outputs.astype(float)}
        columns["confidence"] = pa.nulls(rows.num_rows)
    return Answered(to_columns(definition, rows), pa.table(columns))

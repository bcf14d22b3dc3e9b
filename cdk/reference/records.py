"""Writes `docs/reference/records.md` from the models of what Evergreen stores."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.reference.fields import documented, markdown, table
from evergreen.drift.records import (
    DriftDecisionRecord,
    FeatureImportance,
    MultivariateRecord,
    PerformanceEstimateRecord,
    PerformanceRecord,
    SegmentRecord,
    UnivariateRecord,
)
from evergreen.evaluation.comparison import Comparison, SegmentResult
from evergreen.production import ProductionPointer, ShadowSlot
from evergreen.release.decision_log import DecisionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

RECORDS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "records.md"

LANDED_ROW: dict[str, tuple[str, str]] = {
    "timestamp": ("time (RFC 3339, µs)", "When the request came in."),
    "request_id": ("text", "The request; the answer has it too."),
    "row": ("integer", "Number of the row in the request, from 0."),
    "model": ("text", "Name of the model."),
    "model_version": ("text", "The version that answered."),
    "task_type": ("text", "`classification`, `regression` or `time_series`."),
    "input_data": ("table", "The features as the caller sent them, without redacted ones."),
    "model_output": ("text or number", "The prediction: a class as text, or a number."),
    "confidence": ("number or null", "Probability of the predicted class; null without classes."),
    "metadata": ("table", "`role` (`champion` or `shadow`), facts of the call, the caller's own."),
    "probabilities": (
        "table or absent",
        "Of more than two classes the probability of each, where the metric scores probabilities.",
    ),
}
"""The fields of a line of the request log, in the order in which they are written."""
LANDED_LABEL: dict[str, tuple[str, str]] = {
    "timestamp": ("time (RFC 3339, µs)", "When the label came in."),
    "request_id": ("text", "The request that was answered."),
    "row": ("integer", "Number of the row in it."),
    "model": ("text", "Name of the model."),
    "label": ("class or number", "The ground truth."),
    "observed_at": ("time (RFC 3339, µs)", "When it turned out."),
}
"""The fields of a line of ground truth."""

_INTRODUCTION = """\
# Records

This page is generated: `make reference` writes it, and a test compares it with the code.

What Evergreen stores in the data bucket and in Parameter Store. Request log and ground truth land
as JSON lines and become tables; [read the log](../read-the-log.md) lists their columns. Times are
UTC.
"""
_DRIFT = """\
## Drift log

One object per check, at `drift/log/model=MODEL/dt=DAY/CHECK.jsonl`: a line for each test and a last
one for the decision. `kind` says which table below a line follows.
"""
_POINTER = """\
## Production pointer

The value of the parameter `/evergreen/STAGE/MODEL/production`, as JSON. To write it is to promote.
"""
_DECISIONS = """\
## Decision record

One object per decision, at `decisions/model=MODEL/TIME-VERSION.json`. It is kept for good.
"""


def render_records_page() -> str:
    """Return the page."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_lines("Request log", "request-log/raw/model=MODEL/", LANDED_ROW),
            *_lines("Ground truth", "labels/raw/model=MODEL/", LANDED_LABEL),
            _DRIFT,
            *_model("Univariate test", UnivariateRecord),
            *_model("Multivariate test", MultivariateRecord),
            *_model("An entry of top_features", FeatureImportance),
            *_model("Performance test", PerformanceRecord),
            *_model("Performance estimate", PerformanceEstimateRecord),
            *_model("Segment", SegmentRecord),
            *_model("Drift decision", DriftDecisionRecord),
            _POINTER,
            *_model("The pointer", ProductionPointer),
            *_model("Its shadow slot", ShadowSlot),
            _DECISIONS,
            *_model("The record", DecisionRecord),
            *_model("Its comparison", Comparison),
            *_model("An entry of segments", SegmentResult),
        ]
    )


def _lines(title: str, prefix: str, fields: dict[str, tuple[str, str]]) -> Iterable[str]:
    yield f"## {title}\n"
    yield f"One line per row, in objects below `{prefix}`.\n"
    yield table(
        ("Field", "Type", "Meaning"),
        [(f"`{name}`", kind, meaning) for name, (kind, meaning) in fields.items()],
    )
    yield ""


def _model(title: str, model: type[BaseModel]) -> Iterable[str]:
    yield f"### {title}\n"
    yield markdown(inspect.cleandoc(model.__doc__ or "")) + "\n"
    rows = [
        (f"`{field.name}`", field.allowed, field.description)
        for field in documented(model, absent="null")
    ]
    yield table(("Field", "Type", "Meaning"), rows)
    yield ""

"""What training notes in a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.bundle.store import Bundle, Signature
from evergreen.training.train import with_label_range

if TYPE_CHECKING:
    from evergreen.model_definition import Task

LABELS = pa.chunked_array([[3.5, -1.0], [7.0, None]])


def noted(task: Task, labels: pa.ChunkedArray) -> tuple[float, float] | None:
    signature = Signature(task=task, target="y", features=(), classes=None)
    bundle = with_label_range(Bundle("1", signature, b"model"), labels)
    assert (bundle.version, bundle.onnx) == ("1", b"model")
    return bundle.signature.label_range


def test_a_bundle_knows_the_range_of_the_labels_in_training() -> None:
    assert noted("regression", LABELS) == (-1.0, 7.0)
    assert noted("time_series", LABELS.slice(0, 1)) == (3.5, 3.5)


def test_classes_have_no_range() -> None:
    assert noted("classification", pa.chunked_array([["late", "on time"]])) is None

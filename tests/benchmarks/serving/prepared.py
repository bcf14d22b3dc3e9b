"""What the measured processes read: for each model a bucket in a folder, and scikit-learn's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.bundle.store import save_bundle
from evergreen.production import ProductionPointer
from evergreen.training.onnx_export import export_bundle
from tests.benchmarks.serving.models import DEFINITION, MODELS, fitted, model_toml, training_columns
from tests.benchmarks.serving.stub import BUCKET, MODEL, POINTER
from tests.support.folder_bucket import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.pipeline import Pipeline


def prepare(folder: Path) -> dict[str, Pipeline]:
    """Train and export every model; return the pipelines.

    ``folder/<model>`` is a data bucket with the bundle and the pointer beside it, and its
    ``models/`` has the definition.
    """
    pipelines = {model: fitted(model) for model in MODELS}
    for model, pipeline in pipelines.items():
        bundle = export_bundle(pipeline, DEFINITION, training_columns(), "1")
        uri, sha256 = save_bundle(Folder(folder / model, BUCKET), MODEL, bundle)
        pointer = ProductionPointer(
            version="1",
            bundle_uri=uri,
            sha256=sha256,
            reference_dataset_id="made-up",
            promoted_at=datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
            metric=0.7,
        )
        (folder / model / POINTER).write_text(pointer.model_dump_json())
        definition = folder / model / "models" / MODEL / "model.toml"
        definition.parent.mkdir(parents=True)
        definition.write_text(model_toml())
    return pipelines

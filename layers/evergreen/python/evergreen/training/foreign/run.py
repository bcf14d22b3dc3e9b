"""The run and the version of an imported model."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.onnx
import onnx
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from evergreen.bundle.predictor import Predictor
from evergreen.datasets.holdout_predictions import to_holdout_file
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of
from evergreen.evaluation.evaluate import scores_of
from evergreen.registry.registration import Challenger, keep_bundles, register_challenger
from evergreen.registry.writer import MODEL_ARTIFACT

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.clock import Clock
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.model_definition import ModelDefinition
    from evergreen.registry.writer import Registry
    from evergreen.storage import Storage
    from evergreen.training.foreign.trial import ImportedModel


def register_imported(
    imported: ImportedModel,
    file: Path,
    definition: ModelDefinition,
    manifest: DatasetManifest,
    table: pa.Table,
    *,
    storage: Storage,
    registry: Registry,
    clock: Clock,
) -> Challenger:
    """Keep an imported model in a run of its own, and register it as a version.

    Parameters
    ----------
    imported, file, definition, table
        What :func:`import_onnx` made, and of what.
    manifest
        The data set that the rows became.
    storage, registry, clock
        As for :func:`evergreen.training.train.train_challenger`.

    Raises
    ------
    RegistryError
        If the registry refused or cannot be reached; then the run is marked as failed.
    """
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tags = {"dataset_id": manifest.dataset_id, "code": f"import {digest[:16]}"}
    run_id = registry.start_run(definition.name, f"import {file.name}", tags)
    judged = imported.bundles.judged
    try:
        held_out = rows_of(table, HOLDOUT)
        predictions = Predictor(judged).predict(to_columns(definition, held_out))
        model = onnx.load_model_from_string(judged.model)
        made_by = f"{model.producer_name} {model.producer_version}".strip()
        parameters = {
            "dataset_id": manifest.dataset_id,
            "imported": file.name,
            "sha256": digest,
            "made_by": made_by or "not said",
            "holdout_rows": manifest.holdout_rows,
        }
        registry.log_params(run_id, parameters)
        scores = scores_of(definition, judged, held_out, training=rows_of(table, TRAIN))
        metrics = {f"{HOLDOUT}_{name}": value for name, value in scores.items()}
        registry.log_metrics(run_id, metrics, clock())
        registry.log_dataset(run_id, manifest)
        with tempfile.TemporaryDirectory() as scratch:
            saved = Path(scratch) / "model"
            mlflow.onnx.save_model(
                model,
                str(saved),
                signature=_signature_of(definition),
                pip_requirements=mlflow.onnx.get_default_pip_requirements(),
                save_as_external_data=False,
            )
            registry.upload(run_id, saved, MODEL_ARTIFACT)
            holdout_file = to_holdout_file(definition, held_out, predictions)
            keep_bundles(imported.bundles, holdout_file, run_id, Path(scratch), registry)
    except Exception:
        registry.end_run(run_id, failed=True)
        raise
    registry.end_run(run_id)
    return register_challenger(
        definition.name,
        run_id,
        manifest.dataset_id,
        storage=storage,
        registry=registry,
        clock=clock,
    )


def _signature_of(definition: ModelDefinition) -> ModelSignature:
    kinds = {
        name: DataType.float if feature.is_numeric else DataType.string
        for name, feature in definition.features.items()
    }
    return ModelSignature(Schema([ColSpec(kind, name) for name, kind in kinds.items()]))

"""Training a challenger: fitted by the model folder's own code, exported and logged as a run."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sklearn

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.sklearn_engine import require_trusted_types
from evergreen.datasets.holdout_predictions import to_holdout_file
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of
from evergreen.evaluation.evaluate import scores_of
from evergreen.registry.registration import Challenger, keep_bundles, register_challenger
from evergreen.registry.writer import MODEL_ARTIFACT
from evergreen.training.conformal import conformal_interval, with_interval
from evergreen.training.mlflow_model import save_mlflow_model
from evergreen.training.recency import require_weights_taken
from evergreen.training.refit import Fitted, fit_bundles, sharpness_of_refit
from evergreen.training.trainer import load_trainer, require_recipe

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.bundle.predictor import Predictions
    from evergreen.clock import Clock
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.model_definition import ModelDefinition
    from evergreen.registry.writer import Registry
    from evergreen.storage import Storage


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A finished run: a model with everything that its registration needs."""

    run_id: str
    dataset_id: str


def train(
    definition: ModelDefinition,
    folder: Path,
    manifest: DatasetManifest,
    table: pa.Table,
    *,
    registry: Registry,
    clock: Clock,
    trusted: frozenset[str] = frozenset(),
) -> TrainedRun:
    """Fit a challenger and store all its parts in one MLflow run.

    The recipe is fitted on the training rows, and for serving once more on all rows
    (:mod:`evergreen.training.refit`). The run has parameters, metrics, the data set's id, the
    scikit-learn model that serves (skops, no pickle), the files of both bundles, and the judged
    one's predictions on the holdout. The predictions of each bundle were compared with its
    estimator's. The run is finished only when all parts are there, so after an interruption both
    are fitted again. It registers nothing: see :mod:`evergreen.registry.registration`.

    Parameters
    ----------
    definition
        The model to train.
    folder
        The model's folder, with ``training.py``.
    manifest, table
        The data set.
    registry
        Where the run goes.
    clock
        Gives the time of the metrics.
    trusted
        The deployment's ``trusted_types``: with ``serving = "sklearn"``, the model's own classes
        and functions that it may load.

    Raises
    ------
    ModelDefinitionError, NotEnoughDataError, BundleError, RegistryError
        From these steps; then the run is marked as failed.
    """
    require_recipe(definition, folder)
    trainer = load_trainer(folder)
    require_weights_taken(definition, trainer)  # before there is a run
    about = run_tags(folder, manifest.dataset_id)
    run_id = registry.start_run(definition.name, manifest.dataset_id, about)
    try:
        fitted = fit_bundles(definition, trainer, table, run_id)
        for bundle in (fitted.bundles.serving, fitted.bundles.judged):
            # So far it trusts what it was made of. What serves will have to be trusted too.
            require_trusted_types(bundle, trusted, definition.name)
        judged, training = fitted.bundles.judged, rows_of(table, TRAIN)
        held_out = rows_of(table, HOLDOUT)
        predictions = Predictor(judged).predict(to_columns(definition, held_out))
        fitted = _with_interval(fitted, definition, held_out, predictions)
        registry.log_params(run_id, _parameters(fitted, manifest))
        metrics = {
            f"{split}_{name}": value
            for split in (TRAIN, HOLDOUT)
            if (rows := rows_of(table, split)).num_rows
            for name, value in scores_of(definition, judged, rows, training=training).items()
        }
        registry.log_metrics(run_id, metrics, clock())
        registry.log_dataset(run_id, manifest)
        holdout_file = to_holdout_file(
            definition,
            held_out,
            predictions,
            refit=fitted.bundles.is_refit,
            sharpness=sharpness_of_refit(definition, fitted.bundles, table, predictions),
        )
        _upload(fitted, definition, table, holdout_file, run_id, registry)
    except Exception:
        registry.end_run(run_id, failed=True)
        raise
    registry.end_run(run_id)
    return TrainedRun(run_id=run_id, dataset_id=manifest.dataset_id)


def find_trained(
    definition: ModelDefinition, folder: Path, dataset_id: str, *, registry: Registry
) -> TrainedRun | None:
    """Return the finished run of this code on this data set, if there is one.

    So a retraining finds the run of an interrupted retraining on the same rows.
    """
    run_id = registry.finished_run(definition.name, run_tags(folder, dataset_id))
    return None if run_id is None else TrainedRun(run_id=run_id, dataset_id=dataset_id)


def train_challenger(
    definition: ModelDefinition,
    folder: Path,
    manifest: DatasetManifest,
    table: pa.Table,
    *,
    storage: Storage,
    registry: Registry,
    clock: Clock,
    trusted: frozenset[str] = frozenset(),
) -> Challenger:
    """Train a challenger and register it: :func:`train`, then :func:`register_challenger`.

    Parameters
    ----------
    definition, folder, manifest, table, registry, clock, trusted
        As for :func:`train`.
    storage
        The data bucket, for the bundle.

    Raises
    ------
    ModelDefinitionError, NotEnoughDataError, BundleError, RegistryError
        From both functions.
    """
    trained = train(
        definition, folder, manifest, table, registry=registry, clock=clock, trusted=trusted
    )
    return register_challenger(
        definition.name,
        trained.run_id,
        trained.dataset_id,
        storage=storage,
        registry=registry,
        clock=clock,
    )


def run_tags(folder: Path, dataset_id: str) -> dict[str, str]:
    """Return what identifies a run's model: its data set, and the code that fits it.

    The code is the model folder's Python and TOML files and the version of scikit-learn.
    """
    digest = hashlib.sha256(sklearn.__version__.encode())
    for file in sorted([*folder.glob("*.py"), *folder.glob("*.toml")]):
        digest.update(f"\0{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return {"dataset_id": dataset_id, "code": digest.hexdigest()[:16]}


def _with_interval(
    fitted: Fitted, definition: ModelDefinition, held_out: pa.Table, predictions: Predictions
) -> Fitted:
    coverage = definition.evaluation.interval
    if coverage is None:
        return fitted
    truth = held_out[definition.target].to_numpy().astype(np.float64)
    outputs = np.asarray(predictions.outputs, dtype=np.float64)
    interval = conformal_interval(truth, outputs, coverage)
    if interval is None:
        _log.warning("%d held-out rows are too few for the interval %g", truth.size, coverage)
    return replace(fitted, bundles=with_interval(fitted.bundles, interval))


def _upload(
    fitted: Fitted,
    definition: ModelDefinition,
    rows: pa.Table,
    holdout_file: bytes,
    run_id: str,
    registry: Registry,
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model"
        save_mlflow_model(fitted.estimator, definition, rows, saved)
        registry.upload(run_id, saved, MODEL_ARTIFACT)
        keep_bundles(fitted.bundles, holdout_file, run_id, Path(scratch), registry)


def _parameters(fitted: Fitted, manifest: DatasetManifest) -> dict[str, object]:
    estimator, serves = fitted.estimator, fitted.bundles.serves
    interval = fitted.bundles.judged.signature.interval
    settings = {
        name: value
        for name, value in estimator.get_params().items()
        if value is None or isinstance(value, bool | int | float | str)
    }
    return {
        "dataset_id": manifest.dataset_id,
        "train_rows": manifest.train_rows,
        "holdout_rows": manifest.holdout_rows,
        **({"training_window": manifest.window.reason} if manifest.window else {}),
        **({"serves": serves} if serves else {}),
        **({"interval_radius": interval.radius} if interval else {}),
        "estimator": type(estimator).__name__,
        **settings,
    }

"""The check of a model on this machine: everything that could fail later in a deployment."""

from __future__ import annotations

import ast
import json
import math
import re
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from cli.shared.cdk_context import read_trusted_types
from cli.shared.data_warnings import find_leaks, find_rare_classes, find_unlisted
from cli.shared.naive_answers import naive_score
from cli.shared.series_check import find_series_faults, series_notes
from evergreen.bundle.predictor import Predictor
from evergreen.bundle.served import accepted_categories, served_definition
from evergreen.bundle.sklearn_engine import require_trusted_types
from evergreen.datasets.schema import normalise, to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.drift.detectors.univariate import compare_features
from evergreen.errors import EvergreenError, ModelDefinitionError
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.scoring import classes_of, ground_truth_of, score_predictions
from evergreen.model_definition import load_definition
from evergreen.model_definition.packages import MODELS_LOCK, TRAINING_LOCK, locked_names
from evergreen.serving.readers import request_reader
from evergreen.training.mlflow_model import save_mlflow_model
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import (
    TRAINING_FILE,
    fit,
    load_trainer,
    require_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from evergreen.bundle.content import Bundle
    from evergreen.model_definition import ModelDefinition

MANY_CLASSES = 50
"""From so many classes on boosted trees take minutes."""
MAX_CHECKED_ROWS = 20_000
"""The newest rows that a check trains on."""
_LOCKS = Path(__file__).resolve().parents[2] / "requirements"
_DRIFT_LOCK = "drift.lock"
_SERVED_ROWS = 20


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The result of a check that found nothing wrong.

    Parameters
    ----------
    metric
        The metric that decides.
    score, naive
        The trained model's, and that of the best answer that knows no feature.
    naive_answer
        What that answer is.
    trained, held_out
        Numbers of rows.
    warnings
        What a person should look at.
    notes
        Of a time series how the worst series and each horizon do.
    """

    metric: str
    score: float
    naive: float
    naive_answer: str
    trained: int
    held_out: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_model(
    folder: Path, rows: pa.Table, say: Callable[[str], None], *, drift: bool = True
) -> ModelCheck:
    """Train a model on a sample, prove its export, serve rows and test it for drift on itself.

    Parameters
    ----------
    folder
        The model's folder.
    rows
        Labelled rows with the features, the target and ``timestamp``.
    say
        Called with a short text about the current work.
    drift
        Whether to run the drift tests. They take seconds to import.

    Raises
    ------
    EvergreenError
        At the first thing that would fail later; it names the file, the key and the fix.
    """
    say("reading the definition")
    definition = load_definition(folder)
    require_recipe(definition, folder)
    require_packages(folder / TRAINING_FILE)
    if own := definition.evaluation.own_metric:
        require_packages(folder / f"{own[0]}.py", of_metric=True)
    measure_of(definition)  # its function must be there before anything is trained
    trainer = load_trainer(folder)
    newest = rows.sort_by([("timestamp", "ascending")])[-MAX_CHECKED_ROWS:]
    table = normalise(definition, split_rows(definition, newest))
    training, holdout = rows_of(table, TRAIN), rows_of(table, HOLDOUT)
    say(f"training on {training.num_rows:,} rows{_of_classes(definition, training)}")
    estimator = fit(definition, trainer, table)
    say("comparing what will serve with scikit-learn")
    bundle = export_bundle(estimator, definition, to_columns(definition, training), "check")
    require_trusted_types(bundle, read_trusted_types(), definition.name)
    say("saving the estimator")
    with tempfile.TemporaryDirectory() as scratch:
        save_mlflow_model(estimator, definition, training, Path(scratch) / "model")
    say(f"serving {_SERVED_ROWS} rows")
    serve(definition, bundle, holdout.slice(0, _SERVED_ROWS))
    truth = ground_truth_of(definition, holdout)
    classes = classes_of(truth, bundle)
    scored = score_predictions(definition, bundle, holdout, truth, classes, training)
    naive, answer = naive_score(definition, training, truth, classes, holdout)
    warnings = [*find_leaks(definition, training), *find_unlisted(definition, training)]
    warnings += [*find_rare_classes(definition, table), *find_series_faults(definition, table)]
    if drift:
        say("testing the data for drift against themselves")
        warnings += _drift_on_itself(definition, training)
    gain = scored.metric - naive
    better = gain > 0 if definition.more_is_better else gain < 0
    if not better:
        warnings.append(f"the model is no better than {answer}: the features say nothing new")
    return ModelCheck(
        metric=definition.metric,
        score=scored.metric,
        naive=naive,
        naive_answer=answer,
        trained=training.num_rows,
        held_out=holdout.num_rows,
        warnings=tuple(warnings),
        notes=tuple(series_notes(definition, holdout, truth, scored.outputs)),
    )


def classes_note(count: int) -> str | None:
    """Return what to know before a model of so many classes is trained, if it takes long."""
    if count < MANY_CLASSES:
        return None
    return (
        f"the target has {count} classes, and boosted trees are fitted for each: that may take "
        "minutes, here and in each retraining; max_iter=20 in training.py takes about a fifth of it"
    )


def _of_classes(definition: ModelDefinition, rows: pa.Table) -> str:
    if definition.task != "classification":
        return ""
    return f" of {pc.count_distinct(rows[definition.target]).as_py()} classes"


def require_packages(file: Path, *, of_metric: bool = False) -> None:
    """Check that the images that run a file have every package that it imports.

    Parameters
    ----------
    file
        The file: for the training image, which has the packages of the models too.
    of_metric
        Whether it has the metric, which the drift check calls.

    Raises
    ------
    ModelDefinitionError
        If it lacks one; the message names it.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return  # the trainer says so
    except SyntaxError as error:
        raise ModelDefinitionError(f"line {error.lineno}: {error.msg}", where=str(file)) from error
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    locks = (_DRIFT_LOCK,) if of_metric else (TRAINING_LOCK, MODELS_LOCK)
    locked = {name for lock in locks for name in locked_names(_LOCKS / lock)}
    known = {"evergreen", "models", "sklearn"} | set(sys.stdlib_module_names) | locked
    for name in sorted(names - known):
        owners = packages_distributions().get(name, [])  # reads every installed package
        if not locked & {re.sub(r"[-_.]+", "-", each).lower() for each in owners}:
            if of_metric:
                raise ModelDefinitionError(
                    f"imports {name}, which the image of the drift check does not have, and that "
                    "calls the function of evaluation.metric",
                    where=str(file),
                    fix="Put the function into a file of its own, such as metrics.py, and name it "
                    "in model.toml as metrics:FUNCTION.",
                )
            raise ModelDefinitionError(
                f"imports {name}, which the training image does not have",
                where=str(file),
                fix=(
                    "Name its package in models/NAME/requirements.txt; "
                    "requirements/training.in lists what is there without."
                ).replace("NAME", file.parent.name),
            )


def serve(definition: ModelDefinition, bundle: Bundle, rows: pa.Table) -> None:
    """Send rows through the request reader and the predictor, as the deployed function does.

    Raises
    ------
    EvergreenError
        If a row is refused, an answer is not finite, or it differs from that for the same rows
        without the way through JSON.
    """
    served = served_definition(definition, bundle.signature)
    reader = request_reader(served, accepted_categories(served, bundle.signature))
    body = json.dumps({"instances": [_as_json(served, row) for row in rows.to_pylist()]})
    request = reader.read(body.encode())
    predictor = Predictor(bundle)
    answered = predictor.predict(request.columns)
    numbers = [value for value in answered.outputs if isinstance(value, float)]
    expected = predictor.predict(to_columns(definition, rows))
    if not all(map(math.isfinite, numbers)) or answered != expected:
        raise EvergreenError("served rows get other answers", where=definition.name)


def _as_json(definition: ModelDefinition, row: dict[str, Any]) -> dict[str, Any]:
    types = {"boolean": bool, "integer": int}
    return {
        name: row[name] if row[name] is None else types.get(feature.type, lambda x: x)(row[name])
        for name, feature in definition.features.items()
    }


def _drift_on_itself(definition: ModelDefinition, training: pa.Table) -> list[str]:
    """Test one random half of the training rows against the other."""
    order = np.random.default_rng(0).permutation(training.num_rows)
    parts = np.array_split(order, 2)
    sides = [to_columns(definition, training.take(np.sort(part))) for part in parts]
    outcome = compare_features(
        definition.features, sides[0], sides[1], alpha=definition.drift.alpha / 3
    )
    return [
        f"{name} seems to drift between two random halves of the data"
        for name in outcome.drifted_features
    ]

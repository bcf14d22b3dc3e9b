"""An ONNX file of the user's as a version: held against the definition, tried on rows, and kept.

There is no estimator to compare with. So the file is held against ``model.toml``, and tried on the
user's rows and on rows that the definition allows: it has to answer each with a finite number or a
known class, the same alone as among others. Their own predictions, if the rows have them, have to
come out again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.bundle.content import Bundle, Signature, VersionBundles
from evergreen.bundle.labels import choose_classes, near_tie
from evergreen.bundle.predictor import Predictor
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of
from evergreen.errors import BundleError, ModelDefinitionError, NotEnoughDataError
from evergreen.training.conformal import conformal_interval, with_interval
from evergreen.training.foreign.inputs import read_foreign
from evergreen.training.foreign.outputs import settle_outputs
from evergreen.training.foreign.tries import probed, require_same_alone
from evergreen.training.onnx_export import MAX_DIFFERENT, MAX_RELATIVE_ERROR
from evergreen.training.refit import with_label_range
from evergreen.training.trained_features import trained_feature

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

UNNAMED = "import"
"""The version of a bundle that is not registered yet."""


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A file that was found fit to serve.

    Parameters
    ----------
    bundles
        Its bundle, for serving and for comparison.
    notes
        What a person should know of it.
    """

    bundles: VersionBundles
    notes: tuple[str, ...]


def import_onnx(
    file: Path,
    definition: ModelDefinition,
    table: pa.Table,
    *,
    classes: Sequence[str] | None = None,
) -> ImportedModel:
    """Make the bundle of an ONNX file, and try it on rows.

    Parameters
    ----------
    file
        The file. Its weights may be in files beside it.
    definition
        Says which features the model takes, and what it predicts.
    table
        Labelled rows as a data set has them, training part and holdout.
    classes
        The classes in the model's order, where the file does not say it.

    Raises
    ------
    ModelDefinitionError
        If the definition asks for something that an imported file cannot have.
    NotEnoughDataError
        If there is no training row, or none held out.
    BundleError
        If the file does not fit, or does not answer as the definition promises; the message names
        the file, the input or feature, and what to do.
    """
    _require_importable(definition)
    training, held_out = rows_of(table, TRAIN), rows_of(table, HOLDOUT)
    if not training.num_rows or not held_out.num_rows:
        raise NotEnoughDataError(
            f"{table.num_rows} rows are too few for a reference and a holdout",
            where=definition.name,
        )
    columns = to_columns(definition, table)
    graph = read_foreign(file, definition)
    classified = definition.task == "classification"
    seen = [str(each) for each in table[definition.target].to_pylist()] if classified else []
    try:
        served = settle_outputs(graph, definition, columns, seen, classes)
    except BundleError as error:
        raise BundleError(error.what, where=str(file), fix=error.fix) from error
    reference = to_columns(definition, training)
    signature = Signature(
        task=definition.task,
        target=definition.target,
        features=tuple(
            trained_feature(definition, name, reference) for name in definition.features
        ),
        classes=served.classes,
        class_type=served.class_type,
        probabilities=served.probabilities,
    )
    bundle = Bundle(UNNAMED, signature, served.model)
    bundle, notes = _decided(bundle, definition, columns)
    outputs = Predictor(bundle).predict(columns).outputs
    if not classified:
        _require_finite(np.asarray(outputs, dtype=np.float64), "the rows of the file", definition)
        span = np.asarray(Predictor(bundle).predict(reference).outputs, dtype=np.float64)
        bounds = {"output_range": (float(span.min()), float(span.max()))}
        bundle = replace(bundle, signature=bundle.signature.model_copy(update=bounds))
    require_same_alone(bundle, columns, definition)
    bundle = probed(bundle, definition, reference)
    bundle = with_label_range(bundle, training[definition.target])
    serves = f"{file.name} serves, which was imported; it may have been trained on the holdout"
    bundles = VersionBundles(bundle, bundle, serves)
    if (coverage := definition.evaluation.interval) is not None:
        truth = held_out[definition.target].to_numpy().astype(np.float64)
        found = Predictor(bundle).predict(to_columns(definition, held_out)).outputs
        interval = conformal_interval(truth, np.asarray(found, dtype=np.float64), coverage)
        bundles = with_interval(bundles, interval)
        if interval is None:
            notes.append(f"{truth.size} held-out rows are too few for the interval {coverage:g}")
    return ImportedModel(bundles, tuple(notes))


def require_expected(
    bundle: Bundle, definition: ModelDefinition, table: pa.Table, expected: Sequence[object]
) -> None:
    """Check that a model says what it said where it comes from.

    Parameters
    ----------
    bundle, definition
        The model.
    table, expected
        n rows, and for each what the model said: a label, or a number.

    Raises
    ------
    BundleError
        If the answers to more than :data:`~evergreen.training.onnx_export.MAX_DIFFERENT` of the
        rows differ, or an expected one is missing.
    """
    outputs = Predictor(bundle).predict(to_columns(definition, table)).outputs
    if definition.task == "classification":
        different = np.array([str(a) != str(b) for a, b in zip(outputs, expected, strict=True)])
    else:
        try:
            wanted = np.asarray(expected, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BundleError(f"expected are no numbers: {error}", where=definition.name) from error
        scale = np.maximum(np.abs(wanted), np.nanmean(np.abs(wanted)))
        different = ~(np.abs(np.asarray(outputs) - wanted) <= MAX_RELATIVE_ERROR * scale)
    if float(different.mean()) > MAX_DIFFERENT:
        place = int(different.argmax())
        raise BundleError(
            f"{different.mean():.2%} of {different.size} rows get another answer than the one "
            f"expected, at first {outputs[place]} for {expected[place]}",
            where=definition.name,
            fix="Compare the order and the encoding of the features with that of training, and the "
            "order of the classes.",
        )


def _require_importable(definition: ModelDefinition) -> None:
    where = f"models/{definition.name}/model.toml"
    if definition.serving != "onnx":
        raise ModelDefinitionError(
            f"serving is {definition.serving!r}, and an import is an ONNX file",
            where=where,
            fix='Write serving = "onnx".',
        )
    if definition.evaluation.threshold == "tuned":
        raise ModelDefinitionError(
            "evaluation.threshold is 'tuned', which training does, and nothing is trained here",
            where=where,
            fix="Write the threshold as a number, or leave it out.",
        )


def _decided(
    bundle: Bundle, definition: ModelDefinition, columns: Columns
) -> tuple[Bundle, list[str]]:
    """Note in a bundle what gives the label: the file's own labels, or its probabilities."""
    signature, threshold = bundle.signature, definition.evaluation.threshold
    if threshold is not None and not (
        signature.probabilities and len(signature.classes or ()) == 2
    ):
        raise ModelDefinitionError(
            f"evaluation.threshold is {threshold}, and the file does not give the probabilities of "
            "two classes",
            where=f"models/{definition.name}/model.toml",
            fix="Take the threshold out of it, or export the model with probabilities.",
        )
    if signature.classes is None:
        return bundle, []
    if not signature.probabilities:
        return bundle, ["It gives no probabilities, so answers have no confidence."]
    predictor = Predictor(bundle)
    scores, said = predictor.probabilities(columns), predictor.predict(columns).outputs
    assert scores is not None
    if not np.isfinite(scores).all():
        raise _not_finite("the rows of the file", definition)
    labels = np.array([str(label) for label in said], dtype=object)
    classes = np.array(signature.classes, dtype=object)
    wanted = None if threshold is None else float(threshold)
    other = (classes[choose_classes(scores, wanted)] != labels) & ~near_tie(scores, wanted)
    notes = []
    if wanted is not None:
        notes.append(
            f"Labels follow from evaluation.threshold = {wanted:g}; the file's own are others on "
            f"{other.mean():.1%} of the rows."
        )
    elif other.any():
        notes.append(
            f"Its labels do not follow from its probabilities on {other.mean():.1%} of the rows; "
            "the labels are answered."
        )
        return bundle, notes
    by_scores = {"decides": "scores", "threshold": wanted}
    return replace(bundle, signature=signature.model_copy(update=by_scores)), notes


def _require_finite(outputs: NDArray[np.float64], what: str, definition: ModelDefinition) -> None:
    if not np.isfinite(outputs).all():
        raise _not_finite(what, definition)


def _not_finite(what: str, definition: ModelDefinition) -> BundleError:
    return BundleError(
        f"the model's answers to {what} are not all finite numbers",
        where=definition.name,
        fix="Look for missing or very large values that it was not trained for.",
    )

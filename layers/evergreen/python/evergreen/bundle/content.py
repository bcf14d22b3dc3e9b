"""The content of a bundle: a serialised model, its inputs and outputs, and both as files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from evergreen.bundle.interval import PredictionInterval
from evergreen.bundle.words import WordRule
from evergreen.errors import BundleError
from evergreen.model_definition import Derivation, Serving, Task

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from evergreen.model_definition import ModelDefinition

ONNX_FILE = "model.onnx"
SKOPS_FILE = "model.skops"
CODE_FILE = "training.py"
SIGNATURE_FILE = "signature.json"


class TrainedFeature(BaseModel):
    """One input of the model, with its range or categories in training."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["float", "integer", "boolean", "category", "text"]
    nullable: bool = False
    min: float | None = None
    """Smallest and largest value in training; None for categories or if all were missing."""
    max: float | None = None
    categories: tuple[str, ...] | None = None
    """Categories in training, sorted; None for numbers and free text."""
    closed: bool = False
    """Whether the model takes only the categories of training, because its encoder fails on any
    other."""
    derived_from: str | None = None
    """The moment in a request that gives the value; None where it is sent itself."""
    derivation: Derivation | None = None
    """What is derived from that moment."""
    words: WordRule | None = None
    """How a text is taken apart into the words that ``model.onnx`` takes; None where it takes the
    text as it is."""
    redacted: bool = False
    """Whether the definition that it was trained with kept the feature out of the log."""


class Signature(BaseModel):
    """The inputs and outputs of a model."""

    model_config = ConfigDict(frozen=True)

    task: Task
    target: str
    features: tuple[TrainedFeature, ...]
    serving: Serving = "onnx"
    """What runs the model: ONNX Runtime, or scikit-learn with a file of skops."""
    classes: tuple[str, ...] | None = None
    """Class labels as text, in the model's order; None unless classification."""
    class_type: Literal["string", "integer", "boolean"] = "string"
    """The JSON type of a label in an answer."""
    probabilities: bool = False
    """Whether the model's second output is the probability of each class."""
    decides: Literal["model", "scores"] = "model"
    """What gives the label: the model's first output, or the probabilities by
    :func:`evergreen.bundle.labels.choose_classes`."""
    threshold: float | None = None
    """Least probability with which the second of two classes is predicted, if it is not the larger
    one that decides."""
    output_range: tuple[float, float] | None = None
    """Smallest and largest output on the rows of training; None for classes."""
    label_range: tuple[float, float] | None = None
    """Smallest and largest label in training; None for classes, and of older versions."""
    interval: PredictionInterval | None = None
    """The interval around an output, if ``evaluation.interval`` asks for one."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model that can serve.

    Parameters
    ----------
    version
        The registry's version.
    signature
        Inputs, outputs, and their ranges in training.
    model
        The model, serialised: ONNX, or an estimator as skops keeps it.
    code
        The ``training.py`` that has the model's own classes and functions; None if it has none.
    trusted
        The names of these, where they may be run (:mod:`evergreen.bundle.sklearn_engine`).
    """

    version: str
    signature: Signature
    model: bytes
    code: bytes | None = None
    trusted: frozenset[str] = frozenset()

    def check_fits(self, definition: ModelDefinition) -> None:
        """Check that the model takes the rows that ``definition`` describes.

        Raises
        ------
        BundleError
            If task, or names, order or types of features differ.
        """
        defined = [(name, feature.type) for name, feature in definition.features.items()]
        trained = [(feature.name, feature.type) for feature in self.signature.features]
        if defined != trained or definition.task != self.signature.task:
            raise BundleError(
                f"version {self.version} was trained for {self.signature.task} on {trained}, "
                f"the rows are for {definition.task} on {defined}",
                where=definition.name,
                fix="Train a version for the current definition.",
            )


@dataclass(frozen=True, slots=True)
class VersionBundles:
    """The two bundles of a version.

    Parameters
    ----------
    serving
        What answers, and what the shadow stage scores.
    judged
        What is compared: it has not seen its holdout. Often the same as ``serving``.
    serves
        What ``serving`` was fitted on, in words; None for versions that were made before there was
        a choice.
    """

    serving: Bundle
    judged: Bundle
    serves: str | None = None

    @property
    def is_refit(self) -> bool:
        """Whether what serves is another fit than what is judged."""
        return self.serving is not self.judged


def pack(bundle: Bundle) -> dict[str, bytes]:
    """Return the files of a bundle by name, without the manifest, which names the version."""
    files = {
        ONNX_FILE if bundle.signature.serving == "onnx" else SKOPS_FILE: bundle.model,
        SIGNATURE_FILE: bundle.signature.model_dump_json(indent=2).encode(),
    }
    return files if bundle.code is None else {**files, CODE_FILE: bundle.code}


def model_file(names: Collection[str]) -> str | None:
    """Return which of a bundle's files has the model, or None if they are not those of a bundle."""
    for name, optional in ((ONNX_FILE, set()), (SKOPS_FILE, {CODE_FILE})):
        if {*names} - optional == {name, SIGNATURE_FILE}:
            return name
    return None


def unpack(files: Mapping[str, bytes], sha256: str, version: str) -> Bundle:
    """Make the bundle of a version from packed files; the inverse of :func:`pack`.

    Parameters
    ----------
    files
        The result of :func:`pack`.
    sha256
        The result of :func:`digest_of` for these files.

    Raises
    ------
    BundleError
        If the files do not match the digest.
    """
    name = model_file(files)
    if name is None or digest_of(files) != sha256:
        raise BundleError(
            "the files are not those that training stored", where=version, fix="Train again."
        )
    signature = Signature.model_validate_json(files[SIGNATURE_FILE])
    return Bundle(version, signature, files[name], code=files.get(CODE_FILE))


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return one SHA-256 over the names and contents of packed files."""
    lines = [f"{sha256_of(body)}  {name}\n" for name, body in sorted(files.items())]
    return sha256_of("".join(lines).encode())


def sha256_of(body: bytes) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def closed_categories(signature: Signature) -> dict[str, frozenset[str]]:
    """Return, for each feature that takes only the categories of training, those categories."""
    return {
        feature.name: frozenset(feature.categories or ())
        for feature in signature.features
        if feature.closed
    }

"""The section ``[features]``: the model's inputs, in their order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from evergreen.model_definition.base import Strict
from evergreen.model_definition.moments import Derivation

_MOMENTS = ("datetime", "date", "time")


def _no_moment(value: object) -> object:
    if value in _MOMENTS:
        raise ValueError(
            f"{value!r} is no type of feature: write 'timestamp', and with derive what a model "
            "learns from it, such as the weekday"
        )
    return value


FeatureType = Annotated[
    Literal["float", "integer", "boolean", "category", "text", "timestamp"],
    BeforeValidator(_no_moment),
]


class Feature(Strict):
    """One input of the model: ``name = { type = "float", min = 0 }``.

    The order of the features in the file is the order of the model's inputs.
    """

    type: FeatureType
    """Type of the values. A ``category`` is one of several texts. A ``text`` is free text, which a
    vectorizer such as ``TfidfVectorizer`` takes apart. The model sees a ``boolean`` as 0 or 1. An
    ``integer`` is at most 16,777,216 either way, because 32 bits hold no larger one exactly. A
    ``timestamp`` is a point in time in ISO 8601, in UTC if it names no zone; the model sees what
    ``derive`` names."""
    derive: tuple[Derivation, ...] | None = Field(default=None, min_length=1)
    """What the model learns from a ``timestamp``, in UTC: ``hour``, ``minute_of_day``, ``weekday``
    (0 is Monday), ``day``, ``month``, ``day_of_year``, ``year``, ``age_days`` (from the moment to
    the time of the row, which in serving is now). Each is a feature of its own, such as
    ``NAME_hour``. A request has the moment itself."""
    nullable: bool = False
    """Whether a request may leave the value out. If not, a missing value is an error (422). An
    estimator that fails without the value is refused."""
    min: float | None = None
    """Smallest plausible value, in the feature's own unit; only for ``float`` and ``integer``. A
    smaller value is still predicted, and the metric ``OutOfRange`` counts it."""
    max: float | None = None
    """Largest plausible value, in the feature's own unit; only for ``float`` and ``integer``. A
    larger value is still predicted, and the metric ``OutOfRange`` counts it."""

    known: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        default=None, min_length=1
    )
    """Every value that there is; only for ``category``. Without it the categories are learnt from
    the training rows."""
    unknown: Literal["refuse", "count"] | None = None
    """What becomes of a value that ``known`` does not list. ``refuse``, which is meant without the
    key: the request gets a 422 that names row and feature. ``count``: the row is predicted, the
    answer has a warning, and the metric ``UnseenCategories`` counts it. Without ``known``, values
    that training never saw are counted, and refused only if the estimator fails on them."""

    renamed_from: str | None = None
    """The name that the feature had before. Rows and data sets with the old name are read, and
    requests may have either name."""
    derived_from: str | None = None
    """The ``timestamp`` that the feature is derived from. Evergreen sets it."""
    derivation: Derivation | None = None
    """What is derived from it. Evergreen sets it."""

    @property
    def is_numeric(self) -> bool:
        """Whether the model sees the feature as a number (booleans are 0 and 1)."""
        return self.type not in {"category", "text", "timestamp"}

    @model_validator(mode="after")
    def _range_fits(self) -> Feature:
        ranged = self.min is not None or self.max is not None
        if ranged and self.type not in {"float", "integer"}:
            raise ValueError(f"min and max have no meaning for a {self.type} feature")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        return self

    @model_validator(mode="after")
    def _moment_fits(self) -> Feature:
        if self.type == "timestamp" and self.derive is None:
            raise ValueError(
                "a timestamp needs derive: what the model learns from it, such as "
                "derive = ['hour', 'weekday']"
            )
        if self.type == "timestamp" and (self.renamed_from or self.derived_from):
            raise ValueError("a timestamp has neither renamed_from nor derived_from")
        if self.derive is not None and self.type != "timestamp":
            raise ValueError(f"derive has no meaning for a {self.type} feature")
        if self.derive is not None and len({*self.derive}) < len(self.derive):
            raise ValueError("derive names one twice")
        if (self.derived_from is None) != (self.derivation is None):
            raise ValueError("derived_from and derivation belong together")
        return self

    @model_validator(mode="after")
    def _known_fits(self) -> Feature:
        if self.known is not None and self.type != "category":
            raise ValueError(f"known has no meaning for a {self.type} feature")
        if self.known is None and self.unknown is not None:
            raise ValueError("unknown says what becomes of values that known does not list")
        if self.known is not None and len({*self.known}) < len(self.known):
            raise ValueError("known lists a value twice")
        return self

    @property
    def only(self) -> frozenset[str] | None:
        """The values that a request may have, if no others: those of ``known``."""
        return frozenset(self.known) if self.known and self.unknown != "count" else None

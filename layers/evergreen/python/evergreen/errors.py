"""Every error Evergreen raises on purpose: what was wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FIELD_ERRORS = 20
"""How many faults of one request an answer names; one body could have a million."""


class EvergreenError(Exception):
    """Base of all errors that a user can act on.

    Parameters
    ----------
    what
        What is wrong, as a sentence without a full stop.
    where
        The file, key, field or resource it concerns, if there is one.
    fix
        What the reader can do about it, if anything.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}. {self.fix}" if self.fix else located


class ModelDefinitionError(EvergreenError):
    """A model folder or its ``model.toml`` is not valid."""


class UnknownModelError(EvergreenError):
    """No model of that name is part of this deployment."""


class NoProductionModelError(EvergreenError):
    """The model exists but nothing has been promoted yet."""


class BundleError(EvergreenError):
    """A bundle is missing, incomplete, altered, or does not fit its model definition."""


class LogDeliveryError(EvergreenError):
    """Request log or ground truth could be written neither to Firehose nor to S3."""


class NotEnoughDataError(EvergreenError):
    """Too few (labelled) rows for what was asked; the message says how many are needed."""


class RegistryError(EvergreenError):
    """The model registry refused, or does not hold what was asked for."""


class OutdatedComparisonError(EvergreenError):
    """A challenger won against a version that is no longer in production."""


class RetrainingInProgressError(EvergreenError):
    """Another execution holds the model's retraining lock."""


class RetrainingRequestError(EvergreenError):
    """What asked for a retraining does not say of which model, or says it wrongly."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a request body: where, what, and what would have been right."""

    path: str
    message: str


class RequestError(EvergreenError):
    """A request that cannot be served as it is.

    Parameters
    ----------
    status
        The HTTP status that tells the caller so (400, 413 or 422).
    what
        What is wrong with the request as a whole.
    fields
        The fields at fault, in the order they were found.
    """

    def __init__(self, status: int, what: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(what, where=fields[0].path if fields else None)
        self.status = status
        self.fields = fields

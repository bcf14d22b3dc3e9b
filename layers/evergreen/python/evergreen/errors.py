"""Errors: every error says what is wrong, where, and what to do."""

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
        The file, key, field or resource, if there is one.
    fix
        What the reader can do, if anything.
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


class PointerError(EvergreenError):
    """The production pointer exists but cannot be read: AWS refused, or it is not a pointer."""


class BundleError(EvergreenError):
    """A bundle is missing, incomplete, altered, or does not fit its model definition."""


class PredictionError(EvergreenError):
    """The model answered with a value that neither an answer nor the request log can hold."""


class LogDeliveryError(EvergreenError):
    """Firehose and S3 both refused records of the request log or of the ground truth."""


class CompactionError(EvergreenError):
    """Part of what was due could not be compacted; the rest was."""


class NotEnoughDataError(EvergreenError):
    """Too few rows, or labelled rows, for the task; the message says how many are needed."""


class RegistryError(EvergreenError):
    """The model registry refused, or does not have the requested item."""


class RegistryUnavailableError(RegistryError):
    """The MLflow server, or its store of files, does not answer; a later try may succeed."""


class OutdatedComparisonError(EvergreenError):
    """A challenger won against a version that is no longer in production."""


class OutdatedQueryError(EvergreenError):
    """A query read rows for a version that is no longer in production."""


class RetrainingInProgressError(EvergreenError):
    """Another execution holds the model's retraining lock."""


class RetrainingRequestError(EvergreenError):
    """A request for a retraining names no model, or an invalid one."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field in a request body: its path, the fault, and the allowed values."""

    path: str
    message: str


class RequestError(EvergreenError):
    """An invalid request.

    Parameters
    ----------
    status
        The HTTP status of the answer (400, 413 or 422).
    what
        What is wrong with the request as a whole.
    fields
        The wrong fields, in the order in which they were found.
    """

    def __init__(self, status: int, what: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(what, where=fields[0].path if fields else None)
        self.status = status
        self.fields = fields

"""The request log: one record per predicted row."""

from __future__ import annotations

import uuid
from datetime import UTC
from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.capture.lines import to_lines, to_raw
from evergreen.clock import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evergreen.model_definition import ModelDefinition

REQUEST_LOG_SCHEMA_VERSION = 1
MAX_ROWS = 5000
"""The largest number of rows in one request, and so the limit of row numbers."""


def request_log_landing_prefix(model: str) -> str:
    """Return the S3 prefix at which Firehose lands the model's request log."""
    return f"request-log/raw/model={model}/"


def new_request_id() -> str:
    """Return a name for a request: a random UUID, in its usual form."""
    return str(uuid.uuid4())


def is_request_id(text: str) -> bool:
    """Say whether :func:`new_request_id` could have returned this."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


class LoggedRow(msgspec.Struct, frozen=True, gc=False):
    """One record, with its fields in the order in which they are written.

    What is the same for all rows of a request, or of a model, is encoded once.

    Parameters
    ----------
    timestamp, metadata
        As JSON, or as msgspec encodes them.
    input_data
        The row as the caller sent it, without redacted features.
    confidence
        Probability of the predicted label, or None where there is none.
    probabilities
        The probability of each class by its name, as JSON; without it the field is left out.
    """

    timestamp: Any
    request_id: str
    row: int
    model: msgspec.Raw
    model_version: str
    task_type: msgspec.Raw
    input_data: msgspec.Struct
    model_output: Any
    confidence: float | None
    metadata: Any
    probabilities: Any = msgspec.UNSET


class RequestLogWriter:
    """Writes the rows of requests to one model as JSON lines.

    Parameters
    ----------
    definition
        The model: its features are the fields of ``input_data``, except the redacted ones.
    """

    def __init__(self, definition: ModelDefinition) -> None:
        self._model, self._task = to_raw(definition.name), to_raw(definition.task)
        redact = frozenset(definition.request_log.redact)
        names = [*definition.moments, *definition.features]
        self._names = [name for name in names if name not in redact]
        self._whole = len(self._names) == len(definition.features)
        # A class with a field for each feature is encoded several times as fast as a dictionary.
        # A feature may have a name that is no name in Python.
        fields = {f"feature_{number}": name for number, name in enumerate(self._names)}
        self._inputs = msgspec.defstruct(
            "InputData", [(field, Any) for field in fields], rename=fields, frozen=True, gc=False
        )

    def lines(  # noqa: PLR0913 - what a record has
        self,
        *,
        timestamp: datetime,
        request_id: str,
        model_version: str,
        written: Mapping[str, Sequence[Any]],
        outputs: Sequence[Any],
        confidences: Sequence[float] | None,
        metadata: Mapping[str, Any],
        rows: Sequence[msgspec.Struct] | None = None,
        probabilities: Sequence[Mapping[str, float]] | None = None,
    ) -> bytes:
        """Return one line for each row of a request.

        Parameters
        ----------
        timestamp
            When the request came in.
        written
            The values as the caller sent them, one column of n rows for each feature.
        outputs, confidences
            One per row; ``confidences`` is None for tasks that have none.
        metadata
            Further fields to keep; ``schema_version`` is added.
        rows
            The same values as ``written``, as objects with the features in the model's order, if
            the caller has them. They are written as they are, where no feature is redacted.
        probabilities
            The probability of each class by its name, one mapping per row, if they are to be kept.

        Raises
        ------
        ValueError
            If the columns, outputs, confidences and probabilities differ in length.
        """
        count = len(outputs)
        scores = [None] * count if confidences is None else confidences
        inputs = rows if rows is not None and self._whole else self._objects(written, count)
        shares = [msgspec.UNSET] * count if probabilities is None else probabilities
        if not count == len(inputs) == len(scores) == len(shares):
            raise ValueError(
                f"{len(inputs)} rows, {count} outputs, {len(scores)} confidences and {len(shares)} "
                "probabilities differ in length"
            )
        moment = _plain_time(timestamp)
        about: Any = {**metadata, "schema_version": REQUEST_LOG_SCHEMA_VERSION}
        model, task = self._model, self._task
        if count == 1:  # what follows pays for many rows only
            row, output, score = inputs[0], outputs[0], scores[0]
            one = LoggedRow(
                moment,
                request_id,
                0,
                model,
                model_version,
                task,
                row,
                output,
                score,
                about,
                *shares,
            )
            return to_lines([one])
        moment, about = to_raw(moment), to_raw(about)
        return to_lines(
            [
                LoggedRow(
                    moment,
                    request_id,
                    number,
                    model,
                    model_version,
                    task,
                    row,
                    output,
                    score,
                    about,
                    share,
                )
                for number, row, output, score, share in zip(
                    range(count), inputs, outputs, scores, shares, strict=True
                )
            ]
        )

    def _objects(
        self, written: Mapping[str, Sequence[Any]], count: int
    ) -> Sequence[msgspec.Struct]:
        columns = [written[name] for name in self._names]
        if not columns:
            return [self._inputs()] * count
        return [*starmap(self._inputs, zip(*columns, strict=True))]


def _plain_time(moment: datetime) -> Any:  # noqa: ANN401 - msgspec writes both alike
    # msgspec writes the same text as to_text many times as fast, but leaves out a fraction of 0.
    return moment if moment.tzinfo is UTC and moment.microsecond else to_text(moment)

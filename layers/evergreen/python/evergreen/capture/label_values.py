"""Records of ground truth from the fields of a file's line.

The checks are those of the API (:func:`evergreen.capture.ground_truth.label_record`). Before them a
value gets the type that it would have in JSON: text is read as the type that the model has.
"""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from evergreen.capture.ground_truth import label_record
from evergreen.capture.request_log import is_request_id
from evergreen.capture.truth_words import FALSE_WORDS, TRUE_WORDS
from evergreen.clock import to_text
from evergreen.errors import FieldError
from evergreen.strict_json import nan_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evergreen.bundle.content import Signature
    from evergreen.model_definition import ModelDefinition

SAGEMAKER = "groundTruthData"
_WHOLE = re.compile(r"[+-]?\d{1,400}(\.0*)?", re.ASCII)
_TRUTH = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)


class LabelLines:
    """Makes records of ground truth from the fields of a file's line.

    Parameters
    ----------
    definition
        The model's.
    signature
        That of its champion: it says which type a class has.
    columns
        The file's name of each field.
    is_text
        Whether every value of the file is text.
    request_id
        Returns the request id of a caller's id, or raises ValueError.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        signature: Signature,
        columns: Mapping[str, str],
        *,
        is_text: bool,
        request_id: Callable[[str], str],
    ) -> None:
        self._definition = definition
        self._signature = signature
        self._request_id = request_id
        self._columns = columns
        self._is_text = is_text
        self._type = signature.class_type if definition.task == "classification" else "number"

    def read(
        self, content: dict[str, Any] | str, timestamp: datetime
    ) -> Iterator[dict[str, Any] | FieldError]:
        """Yield the records of a line, and its faults, each with the file's name of the field.

        A line of SageMaker's may have several rows, and so several records.

        Parameters
        ----------
        content
            As in :class:`evergreen.capture.label_files.FileLine`.
        timestamp
            When the labels came in.
        """
        if isinstance(content, str):
            yield FieldError("", content)
            return
        try:
            items = self._items(content)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            yield FieldError(field, reason)
            return
        for item in items:
            yield from self._record(item, timestamp)

    def is_new_class(self, label: object) -> bool:
        """Say whether a label is a class that the champion does not know."""
        classes = self._signature.classes
        return classes is not None and str(label) not in classes

    def _record(
        self, item: dict[str, Any], timestamp: datetime
    ) -> Iterator[dict[str, Any] | FieldError]:
        if "id" in item:
            try:
                item["request_id"] = self._request_id(str(item.pop("id")))
            except ValueError as error:
                yield FieldError(self._columns["id"], str(error))
                return
        found = label_record(
            item,
            "$",
            definition=self._definition,
            timestamp=timestamp,
            signature=self._signature,
        )
        if isinstance(found, dict):
            yield found
            return
        for fault in found:
            name = fault.path.removeprefix("$.")
            yield FieldError(self._columns.get(name, name), fault.message)

    def _items(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        if SAGEMAKER in fields:
            return [self._item(each, is_text=False) for each in self._sagemaker(fields)]
        wanted = {name: fields.get(column) for name, column in self._columns.items()}
        return [self._item(wanted, is_text=self._is_text)]

    def _item(self, fields: dict[str, Any], *, is_text: bool) -> dict[str, Any]:
        plain = {name: _plain(value) for name, value in fields.items()}
        item = {name: value for name, value in plain.items() if value is not None}
        if item.get("request_id"):
            item.pop("id", None)
        if "row" in item:
            item["row"] = _whole(item["row"], is_text=is_text)
        if "label" in item:
            item["label"] = self._label(item["label"], is_text=is_text)
        return item

    def _label(self, value: object, *, is_text: bool) -> object:
        if self._type == "integer":
            return _whole(value, is_text=is_text)
        if not is_text or not isinstance(value, str):
            return value
        if self._type == "boolean":
            return _TRUTH.get(value.strip().lower(), value)
        return _number(value) if self._type == "number" else value

    def _sagemaker(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Read the form that SageMaker Model Monitor merges ground truth in.

        Its event id is SageMaker's own or the caller's
        (docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html).
        """
        truth, about = fields[SAGEMAKER], fields.get("eventMetadata")
        if not isinstance(truth, dict) or not isinstance(about, dict):
            raise ValueError("groundTruthData: it and eventMetadata must be objects")  # noqa: TRY004
        event = about.get("eventId")
        encoding, data = truth.get("encoding"), truth.get("data")
        if encoding == "CSV":
            labels = _column(data)
        elif encoding == "JSON":
            labels = _values(data)
        else:
            raise ValueError("groundTruthData.encoding: must be CSV or JSON")
        ours = not isinstance(event, str) or is_request_id(event)
        given = {"request_id" if ours else "id": event}
        text = encoding == "CSV"
        return [
            {**given, "row": row, "label": self._label(label, is_text=text)}
            for row, label in enumerate(labels)
        ]


def _column(data: object) -> list[object]:
    """Return the values of one column of CSV, one for each row."""
    if not isinstance(data, str | int | float) or isinstance(data, bool):
        raise ValueError("groundTruthData.data: must be text in CSV")  # noqa: TRY004
    try:
        rows = [row for row in csv.reader(io.StringIO(str(data), newline="")) if row]
    except csv.Error as error:
        raise ValueError(f"groundTruthData.data: {error}") from error
    if not rows or any(len(row) != 1 for row in rows):
        raise ValueError("groundTruthData.data: must have one label on each line")
    return [row[0] for row in rows]


def _values(data: object) -> list[object]:
    """Return a JSON value, or the values of a JSON list; the value may be written as text."""
    if isinstance(data, str):
        text = data
        try:
            data = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            why = nan_fault(text) or error
            raise ValueError(f"groundTruthData.data: not JSON: {why}") from None
    return list(data) if isinstance(data, list) else [data]


def _plain(value: object) -> object:
    """Return what JSON would have for a value of Parquet; None where it is missing."""
    if isinstance(value, datetime):
        return to_text(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        value = float(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _whole(value: object, *, is_text: bool) -> object:
    """Return an integer where a file has one as text, or as a float because some are missing."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_text and isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.partition(".")[0])
    return value


def _number(text: str) -> object:
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text

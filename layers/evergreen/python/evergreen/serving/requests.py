"""Request validation: from the bytes of a request to typed columns, or errors with their places.

Each column is checked in one pass, which is fast for batches. Only if a column fails is each of its
values checked, to name the place of every error.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic_core import from_json, to_json

from evergreen.capture.request_log import MAX_ROWS
from evergreen.columns import MAX_WHOLE, MISSING_CATEGORY, Columns
from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.request_forms import ABSENT, FORMS, Table, read_form
from evergreen.serving.tensors import read_tensors
from evergreen.serving.value_faults import FLOAT32_END, JSON_TYPES, fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.model_definition import ModelDefinition

MAX_BYTES = 5 * 1024 * 1024
"""Lambda accepts 6 MB for the body and everything around it."""
MAX_METADATA_BYTES = 1024
"""Limit of the caller's metadata, which is written into the record of every row."""
MAX_ID_LENGTH = 128
RESERVED_METADATA = frozenset(
    {
        *("role", "batch_size", "inference_ms", "source_ip", "user_agent", "schema_version", "id"),
        "shadow",
    }
)
"""Metadata keys that Evergreen writes itself."""

_NONE = frozenset({type(None)})


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """A valid request: every value fits the model.

    Parameters
    ----------
    columns
        The rows as the model's input.
    written
        The same values as the caller wrote them, by feature name in the model's order; None if
        absent.
    metadata
        The caller's metadata for the request log.
    id
        The caller's id of the request, if given.
    outputs
        Names of the requested outputs (Open Inference Protocol), or None for all.
    """

    columns: Columns
    written: Mapping[str, Sequence[Any]]
    metadata: Mapping[str, Any]
    id: str | None = None
    outputs: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))


def read_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read a body as JSON.

    Raises
    ------
    RequestError
        413 if it is too long; 400 if it is not JSON, for example because it has NaN or Infinity.
    """
    if len(body) > MAX_BYTES:
        raise RequestError(413, f"the body has {len(body)} bytes; at most {MAX_BYTES} are taken")
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(400, f"the body is not valid JSON: {error}") from None


class RequestReader:
    """Reads requests for one model.

    Parameters
    ----------
    definition
        The model's definition.
    closed
        For each feature that takes only the categories of training, those categories.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        closed: Mapping[str, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        self._closed = closed
        self._features = definition.features
        self._names = list(definition.features)
        self._types: dict[str, str] = {n: f.type for n, f in definition.features.items()}
        self._allowed = {
            name: JSON_TYPES[feature.type] | (_NONE if feature.nullable else frozenset())
            for name, feature in definition.features.items()
        }
        self._numeric = definition.numeric_features
        self._category = definition.category_features
        self._whole = [
            index for index, name in enumerate(self._numeric) if self._types[name] == "integer"
        ]

    def read(self, body: bytes) -> PredictionRequest:
        """Read a body with one of ``instances | inputs | dataframe_split | dataframe_records``.

        Raises
        ------
        RequestError
            400 not JSON, 413 too large, 422 not fitting the model, with the path of each fault.
        """
        content = _object(read_json(body))
        given = [key for key in FORMS if key in content]
        if len(given) != 1:
            found = f"found {', '.join(given)}" if given else "found none"
            raise _refusal("$", f"must have exactly one of {', '.join(FORMS)}; {found}")
        _refuse_others(content, {*FORMS, "metadata", "id"})
        table = read_form(given[0], content[given[0]], self._names)
        return self._request(table, content, _metadata(content.get("metadata"), "metadata"))

    def read_open_inference(self, body: bytes) -> PredictionRequest:
        """Read an inference request of the Open Inference Protocol.

        The caller's metadata stands in ``parameters.metadata``.

        Raises
        ------
        RequestError
            As :meth:`read` does.
        """
        content = _object(read_json(body))
        if "inputs" not in content:
            raise _refusal("inputs", "is missing")
        _refuse_others(content, {"inputs", "outputs", "parameters", "id"})
        parameters = content.get("parameters", {})
        if not isinstance(parameters, dict):
            raise _refusal("parameters", "must be an object")
        metadata = _metadata(parameters.get("metadata"), "parameters.metadata")
        outputs = _outputs(content.get("outputs"))
        table = read_tensors(content["inputs"], self._types)
        return self._request(table, content, metadata, outputs)

    def _request(
        self,
        table: Table,
        content: dict[str, Any],
        metadata: Mapping[str, Any],
        outputs: tuple[str, ...] | None = None,
    ) -> PredictionRequest:
        if not table.size:
            raise _refusal("$", "must have at least one row")
        if table.size > MAX_ROWS:
            raise RequestError(413, f"{table.size} rows; at most {MAX_ROWS} are taken at a time")
        written = {name: self._present(name, table.columns[name]) for name in self._names}
        columns = None if table.faults else self._encode(written)
        if columns is None:
            raise self._explain(table)
        return PredictionRequest(columns, written, metadata, _id(content.get("id")), outputs)

    def _present(self, name: str, values: Any) -> Any:  # noqa: ANN401 - a sequence of JSON values
        """Read an absent value as null if the feature is nullable."""
        if self._features[name].nullable and ABSENT in values:
            return [None if value is ABSENT else value for value in values]
        return values

    def _encode(self, written: dict[str, Any]) -> Columns | None:
        """Return the columns, or None if any value does not fit."""
        for name, values in written.items():
            if not self._allowed[name].issuperset(map(type, values)):
                return None
        numbers = self._encode_numbers(written)
        texts = self._encode_categories(written)
        if numbers is None or texts is None:
            return None
        encoded = numbers | texts
        return {name: encoded[name] for name in self._names}

    def _encode_numbers(self, written: dict[str, Any]) -> Columns | None:
        if not self._numeric:
            return {}
        try:
            exact = np.array([written[name] for name in self._numeric], dtype=np.float64)
        except OverflowError:  # an integer too large for a float
            return None
        if (np.abs(exact) >= FLOAT32_END).any():
            return None
        whole = exact[self._whole]
        if ((np.trunc(whole) != whole) & ~np.isnan(whole)).any():
            return None
        if (np.abs(whole) > MAX_WHOLE).any():
            return None
        return dict(zip(self._numeric, exact.astype(np.float32), strict=True))

    def _encode_categories(self, written: dict[str, Any]) -> Columns | None:
        encoded: Columns = {}
        for name in self._category:
            values = [MISSING_CATEGORY if value is None else value for value in written[name]]
            if MISSING_CATEGORY in values and not self._features[name].nullable:
                return None
            if name in self._closed and not self._closed[name].issuperset(values):
                return None
            encoded[name] = np.array(values, dtype=object)
        return encoded

    def _explain(self, table: Table) -> RequestError:
        faults = list(table.faults)
        for row in range(table.size):
            if len(faults) >= MAX_FIELD_ERRORS:
                break
            for name in self._names:
                value, known = table.columns[name][row], self._closed.get(name)
                message = fault(self._features[name], value, known)
                if message is not None:
                    faults.append(FieldError(table.path(row, name), message))
        reported = tuple(dict.fromkeys(faults))[:MAX_FIELD_ERRORS]
        return RequestError(422, "the rows do not fit the model", reported)


def _object(content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _refusal("$", "must be an object")
    return content


def _refuse_others(content: dict[str, Any], allowed: set[str]) -> None:
    others = [key for key in content if key not in allowed]
    if others:
        message = f"is not known here; allowed: {', '.join(sorted(allowed))}"
        faults = tuple(FieldError(key, message) for key in others[:MAX_FIELD_ERRORS])
        raise RequestError(422, "the body has unknown keys", faults)


def _metadata(metadata: object, at: str) -> Mapping[str, Any]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise _refusal(at, "must be an object")
    if taken := RESERVED_METADATA.intersection(metadata):
        raise _refusal(f"{at}.{min(taken)}", "is written by the service; choose another name")
    if len(to_json(metadata)) > MAX_METADATA_BYTES:
        raise _refusal(at, f"must be at most {MAX_METADATA_BYTES} bytes: every row's record has it")
    return metadata


def _id(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH):
        return value
    raise _refusal("id", f"must be a string of 1 to {MAX_ID_LENGTH} characters")


def _outputs(content: object) -> tuple[str, ...] | None:
    if content is None:
        return None
    known = ("predictions", "confidences")
    if isinstance(content, list) and content:
        names = [item.get("name") if isinstance(item, dict) else None for item in content]
        if all(name in known for name in names):
            return tuple(str(name) for name in names)
    raise _refusal("outputs", f"must be a list of objects whose name is one of {', '.join(known)}")


def _refusal(at: str, message: str) -> RequestError:
    return RequestError(422, "the body does not fit the model", (FieldError(at, message),))

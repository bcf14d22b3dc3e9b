"""Request validation: from the bytes of a request to typed columns, or errors with their places.

Each column is checked in one pass, which is fast for batches. Only if a column fails is each of its
values checked, to name the place of every error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evergreen.capture.request_log import MAX_ROWS
from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.binary_tensors import read_binary
from evergreen.serving.bodies import MAX_BYTES, read_json, read_text, refusal
from evergreen.serving.column_encoder import ColumnEncoder
from evergreen.serving.quick_rows import QuickReader, QuickRows
from evergreen.serving.quick_tensors import QuickTensorReader
from evergreen.serving.request_forms import ABSENT, FORMS, Table, read_form
from evergreen.serving.request_options import (
    binary_outputs,
    json_object,
    outputs_of_codec,
    read_id,
    read_metadata,
    read_outputs,
    refuse_others,
    unused_parameters,
)
from evergreen.serving.tensors import read_tensors, without_nan
from evergreen.serving.text_rows import read_csv, read_json_lines
from evergreen.serving.value_faults import fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

_NAN = b"NaN"


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
    probabilities
        Whether the caller asked for the probability of every class.
    binary
        Names of the outputs to be sent as raw bytes (Open Inference Protocol).
    warnings
        What of the request was passed over, in words.
    rows
        The rows as objects in the form of the request log, if the body had them so.
    """

    columns: Columns
    written: Mapping[str, Sequence[Any]]
    metadata: Mapping[str, Any]
    id: str | None = None
    outputs: tuple[str, ...] | None = None
    probabilities: bool = False
    binary: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    rows: Sequence[msgspec.Struct] | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))


class RequestReader:
    """Reads requests for one model.

    Parameters
    ----------
    definition
        The model's definition.
    closed
        For each feature that does not take every category, those that it takes.
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
        self._encoder = ColumnEncoder(definition, closed)
        self._quick = QuickReader(definition.features)
        self._quick_tensors = QuickTensorReader(definition.features)

    def read(
        self, body: bytes, *, nan: bool = False, ignore_others: bool = False
    ) -> PredictionRequest:
        """Read a body with one of ``instances | inputs | dataframe_split | dataframe_records``.

        Parameters
        ----------
        nan
            Whether the token ``NaN`` is taken for a missing value: MLflow's clients send it.
        ignore_others
            Whether columns that are no features are passed over, with a warning.

        Raises
        ------
        RequestError
            400 not JSON, 413 too large, 422 not fitting the model, with the path of each fault.
        """
        quick = self._quick.read(body) if len(body) <= MAX_BYTES else None
        if quick is not None and (request := self._quick_request(quick)) is not None:
            return request
        content = json_object(read_json(body, nan=nan))
        given = [key for key in FORMS if key in content]
        if len(given) != 1:
            found = f"found {', '.join(given)}" if given else "found none"
            raise refusal("$", f"must have exactly one of {', '.join(FORMS)}; {found}")
        refuse_others(content, {*FORMS, "metadata", "id", "params"})
        table = read_form(given[0], content[given[0]], self._names, ignore_others=ignore_others)
        if nan and _NAN in body:
            table = replace(
                table, columns={name: without_nan(each) for name, each in table.columns.items()}
            )
        read = self._request(table, content, read_metadata(content.get("metadata"), "metadata"))
        return replace(read, warnings=(*read.warnings, *unused_parameters(content.get("params"))))

    def read_csv(
        self, body: bytes, *, header: bool | None = None, ignore_others: bool = False
    ) -> PredictionRequest:
        """Read comma-separated rows; see :func:`evergreen.serving.text_rows.read_csv`."""
        text = read_text(body)
        table = read_csv(text, self._types, header=header, ignore_others=ignore_others)
        return self._request(table, {}, {})

    def read_json_lines(self, body: bytes, *, ignore_others: bool = False) -> PredictionRequest:
        """Read one row a line; see :func:`evergreen.serving.text_rows.read_json_lines`."""
        table = read_json_lines(read_text(body), self._types, ignore_others=ignore_others)
        return self._request(table, {}, {})

    def read_open_inference(
        self, body: bytes, *, header_length: str | None = None, ignore_others: bool = False
    ) -> PredictionRequest:
        """Read an inference request of the Open Inference Protocol.

        The caller's metadata stands in ``parameters.metadata``.

        Parameters
        ----------
        header_length
            The header that says how much of the body is JSON, if binary tensors stand behind it.
        ignore_others
            As for :meth:`read`.

        Raises
        ------
        RequestError
            As :meth:`read` does.
        """
        tensors = self._fitting_tensors(body) if header_length is None else None
        if tensors is not None:
            content, nan = tensors[1], False
        elif header_length is None:
            content, nan = json_object(read_json(body, nan=True)), _NAN in body
        else:
            content, nan = json_object(read_binary(body, header_length)), True
        if tensors is None and "inputs" not in content:
            raise refusal("inputs", "is missing")
        refuse_others(
            content, {"inputs", "outputs", "parameters", "id", "model_name", "model_version"}
        )
        parameters = content.get("parameters", {})
        if not isinstance(parameters, dict):
            raise refusal("parameters", "must be an object")
        metadata = read_metadata(parameters.get("metadata"), "parameters.metadata")
        asked = content.get("outputs")
        if asked == []:  # a client sends an empty list for all of them
            asked = None
        outputs = read_outputs(asked) or outputs_of_codec(parameters)
        if tensors is not None:
            read = replace(tensors[0], metadata=metadata, id=read_id(content.get("id")))
        else:
            inputs = content["inputs"]
            table = read_tensors(inputs, self._types, nan=nan, ignore_others=ignore_others)
            read = self._request(table, content, metadata)
        return replace(
            read,
            outputs=outputs,
            probabilities=outputs is not None and "probabilities" in outputs,
            binary=binary_outputs(asked, wanted=bool(parameters.get("binary_data_output"))),
        )

    def _fitting_tensors(self, body: bytes) -> tuple[PredictionRequest, dict[str, Any]] | None:
        """Return the rows and the rest of a body, or None if the careful reader must read it."""
        quick = self._quick_tensors.read(body) if len(body) <= MAX_BYTES else None
        if quick is None or quick.size > MAX_ROWS:
            return None
        columns = self._encoder.encode(quick.columns)
        if columns is None:
            return None
        return PredictionRequest(columns, quick.columns, {}), quick.content

    def _quick_request(self, quick: QuickRows) -> PredictionRequest | None:
        """Return the request, or None if any of it does not fit."""
        columns = self._encoder.encode(quick.columns) if len(quick.rows) <= MAX_ROWS else None
        if columns is None:
            return None
        try:
            return PredictionRequest(
                columns,
                quick.columns,
                read_metadata(quick.content.get("metadata"), "metadata"),
                read_id(quick.content.get("id")),
                warnings=tuple(unused_parameters(quick.content.get("params"))),
                rows=quick.rows,
            )
        except RequestError:
            return None

    def _request(
        self, table: Table, content: dict[str, Any], metadata: Mapping[str, Any]
    ) -> PredictionRequest:
        if not table.size:
            raise refusal("$", "must have at least one row")
        if table.size > MAX_ROWS:
            raise RequestError(413, f"{table.size} rows; at most {MAX_ROWS} are taken at a time")
        written = {name: self._present(name, table.columns[name]) for name in self._names}
        fits = not table.faults and self._encoder.have_their_types(written)
        columns = self._encoder.encode(written) if fits else None
        if columns is None:
            raise self._explain(table)
        warnings = [f"{name} is no feature of this model and was ignored" for name in table.ignored]
        return PredictionRequest(
            columns,
            written,
            metadata,
            read_id(content.get("id")),
            warnings=tuple(warnings[:MAX_FIELD_ERRORS]),
        )

    def _present(self, name: str, values: Any) -> Any:  # noqa: ANN401 - a sequence of JSON values
        """Read an absent value as null if the feature is nullable."""
        if self._features[name].nullable and ABSENT in values:
            return [None if value is ABSENT else value for value in values]
        return values

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

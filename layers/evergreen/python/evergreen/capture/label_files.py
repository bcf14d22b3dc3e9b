"""Files of ground truth: CSV, Parquet, JSON lines and SageMaker's lines, a line at a time.

A file may have any size. Reading can begin at any place that it went through before. A line that
cannot be read comes with the reason, and reading goes on behind it.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from evergreen.capture.ground_truth import RepeatedKeys, parse_labels
from evergreen.errors import EvergreenError
from evergreen.strict_json import nan_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FileFormat = Literal["csv", "parquet", "jsonl"]
LABEL_FIELDS = ("request_id", "id", "row", "label", "observed_at")
MAX_LINE_BYTES = 1024 * 1024
_BLANK = b"\xef\xbb\xbf \t\r\n"
"""What may stand before the first character: spaces, and the mark of UTF-8."""
_DELIMITERS = (",", ";", "\t", "|")
_ROWS_AT_A_TIME = 10_000
_SHOWN = 8


class LabelFileError(EvergreenError):
    """A file of ground truth is not of a known format, or lacks a column."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file between two lines."""

    line: int = 0
    """Number of the last line before it; of Parquet, of the last row."""
    at: int = 0
    """Bytes before it; of Parquet, rows."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of a file.

    Parameters
    ----------
    after
        The place behind it.
    number
        Its number, from 1. A record of several lines has the number of its first.
    content
        The fields by their names in the file; a string says why the line cannot be read.
    """

    after: FilePlace
    number: int
    content: dict[str, Any] | str


class LabelFile:
    """A file of ground truth on disk.

    Parameters
    ----------
    path
        The file.
    columns
        The file's name of each field of :data:`LABEL_FIELDS` that it calls differently.

    Raises
    ------
    LabelFileError
        If the file has no column for the label or for the request, or is one JSON list.
    """

    def __init__(self, path: Path, columns: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.columns = {name: name for name in LABEL_FIELDS} | dict(columns or {})
        self._named = frozenset(columns or ())
        self.format = _format(path)
        self.ignored: tuple[str, ...] = ()
        """Names of columns that are not read."""
        self._delimiter = ","
        self._header: list[str] = []
        self._begin = FilePlace()
        check = {"csv": self._open_csv, "parquet": self._open_parquet, "jsonl": self._open_json}
        self.size = check[self.format]()
        """What :attr:`FilePlace.at` is at the end of the file."""

    @property
    def is_text(self) -> bool:
        """Whether values are text, whatever they mean."""
        return self.format == "csv"

    def lines(self, place: FilePlace) -> Iterator[FileLine]:
        """Yield the lines behind a place."""
        if self.format == "parquet":
            yield from self._rows(place)
            return
        with self.path.open("rb") as body:
            start = place if place.at else self._begin
            body.seek(start.at)
            yield from (self._records if self.format == "csv" else self._documents)(body, start)

    def _open_csv(self) -> int:
        with self.path.open("rb") as body:
            try:
                first = body.readline(MAX_LINE_BYTES).decode("utf-8-sig").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise LabelFileError("is not text in UTF-8", where=str(self.path)) from error
            self._begin = FilePlace(line=1, at=body.tell())
        headers = {each: next(csv.reader([first], delimiter=each), []) for each in _DELIMITERS}
        known = set(self.columns.values())
        self._delimiter = max(_DELIMITERS, key=lambda each: len(known & {*headers[each]}))
        self._header = headers[self._delimiter]
        self._check_columns(self._header)
        return self.path.stat().st_size

    def _open_parquet(self) -> int:
        try:
            with pq.ParquetFile(self.path) as file:
                self._check_columns(file.schema_arrow.names)
                return int(file.metadata.num_rows)
        except pa.ArrowInvalid as error:
            raise LabelFileError(f"is not Parquet: {error}", where=str(self.path)) from error

    def _open_json(self) -> int:
        with self.path.open("rb") as body:
            if body.read(64).lstrip(_BLANK).startswith(b"["):
                raise LabelFileError(
                    "is one JSON list", where=str(self.path), fix="Write one object on each line."
                )
        return self.path.stat().st_size

    def _check_columns(self, found: list[str]) -> None:
        """Check that the columns are there, each once."""
        wanted = {self.columns[name] for name in self._named} | {self.columns["label"]}
        keys = (self.columns["request_id"], self.columns["id"])
        missing = sorted(wanted - {*found})
        if not missing and not {*keys} & {*found}:
            missing = [" or ".join(keys)]
        known = {*self.columns.values()}
        twice = sorted({name for name in known if found.count(name) > 1})
        if missing or twice:
            has = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
            what = f"has no column {', '.join(missing)}" if missing else f"has {twice[0]} twice"
            raise LabelFileError(
                f"{what}; its columns are {has}",
                where=str(self.path),
                fix="Name a column of the file with --column, such as --column label=arr_late.",
            )
        self.ignored = tuple(name for name in found if name not in known)

    def _records(self, body: BinaryIO, start: FilePlace) -> Iterator[FileLine]:
        physical = _Lines(body, start)
        # A line that is not UTF-8 must not stop the others: its bytes become lone surrogates.
        reader = csv.reader(
            (line.decode("utf-8", "surrogateescape") for line in physical),
            delimiter=self._delimiter,
        )
        while True:
            number = physical.number + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield FileLine(physical.place, number, f"not CSV: {error}")
                continue
            if values:
                yield FileLine(physical.place, number, self._fields(values))

    def _fields(self, values: list[str]) -> dict[str, Any] | str:
        if len(values) != len(self._header):
            return f"has {len(values)} values, and the header has {len(self._header)} names"
        fields = dict(zip(self._header, values, strict=True))
        wanted = {name: fields[name] for name in self.columns.values() if fields.get(name)}
        if not all(_is_unicode(value) for value in wanted.values()):
            return "is not text in UTF-8"
        return cast("dict[str, Any]", wanted)

    def _documents(self, body: BinaryIO, start: FilePlace) -> Iterator[FileLine]:
        physical = _Lines(body, start)
        for line in physical:
            if line.strip():
                yield FileLine(physical.place, physical.number, _document(line))

    def _rows(self, place: FilePlace) -> Iterator[FileLine]:
        with pq.ParquetFile(self.path) as file:
            wanted = [name for name in self.columns.values() if name in file.schema_arrow.names]
            sizes = [file.metadata.row_group(each).num_rows for each in range(file.num_row_groups)]
            first, number = 0, 0
            while first < len(sizes) and number + sizes[first] <= place.at:
                number += sizes[first]
                first += 1
            batches = file.iter_batches(
                _ROWS_AT_A_TIME, row_groups=range(first, len(sizes)), columns=wanted
            )
            for batch in batches:
                for fields in batch.to_pylist():
                    number += 1
                    if number > place.at:
                        yield FileLine(FilePlace(line=number, at=number), number, fields)


class _Lines:
    """The lines of an open file, with their numbers, and the place behind the last one."""

    def __init__(self, body: BinaryIO, start: FilePlace) -> None:
        self._body = body
        self.number = start.line
        self._at = start.at

    @property
    def place(self) -> FilePlace:
        return FilePlace(line=self.number, at=self._at)

    def __iter__(self) -> Iterator[bytes]:
        while line := self._body.readline(MAX_LINE_BYTES):
            self._at += len(line)
            self.number += 1
            while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                # The rest of a line without end is read and dropped. What is left is refused.
                rest = self._body.readline(MAX_LINE_BYTES)
                self._at += len(rest)
                if len(rest) < MAX_LINE_BYTES or rest.endswith(b"\n"):
                    break
            yield line


def _format(path: Path) -> FileFormat:
    """Tell the format of a file by its first bytes."""
    if not path.is_file():  # a pipe, which can be read only once and not from the middle
        raise LabelFileError("is no file on disk", where=str(path), fix="Write it to one first.")
    with path.open("rb") as body:
        first = body.read(64)
    if first.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if first.lstrip(_BLANK)[:1] in (b"{", b"[") else "csv"


def _document(line: bytes) -> dict[str, Any] | str:
    try:
        # This parser refuses NaN, lone surrogates and nesting without end; the other one does not.
        line = line.removeprefix(b"\xef\xbb\xbf")
        from_json(line, allow_inf_nan=False)
        fields = parse_labels(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {nan_fault(line) or error}"
    if isinstance(fields, RepeatedKeys):
        return f"{fields.repeated[: _SHOWN * 8]}: is given more than once"
    return (
        fields if isinstance(fields, dict) else f"not an object: {json.dumps(fields)[: _SHOWN * 4]}"
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

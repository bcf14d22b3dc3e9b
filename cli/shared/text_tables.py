"""CSV files of strangers: their encodings, and lines that do not fit the header."""

from __future__ import annotations

import codecs
import csv
import gzip
import itertools
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import IO

import duckdb

from evergreen.errors import EvergreenError

_READ = "CREATE OR REPLACE TABLE raw AS SELECT * FROM read_csv(?, all_varchar=true, header=true{})"
_DELIMITERS = ",;\t|"
_HEADER_LINES = 20
"""Lines among which the header is looked for."""
_NUMBERED = re.compile(r"_\d+$")
_SEARCHED = 1_000_000
"""Lines in which one that does not fit the header is looked for."""


def load_text_table(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read a CSV file into the table ``raw``, every value as text.

    Parameters
    ----------
    database
        Gets the table.
    path
        The file, in UTF-8, Latin-1 or Windows-1252, which may be packed by gzip.

    Raises
    ------
    EvergreenError
        If its encoding is another, its lines have different numbers of values, or two columns have
        one name.
    duckdb.Error
        If it cannot be read for another reason.
    """
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            raise EvergreenError("it is in UTF-16", where=str(path), fix="Save it as CSV in UTF-8.")
    try:
        database.execute(_READ.format(""), [str(path)])
    except duckdb.InvalidInputException:
        _load_western(database, path)
    described = database.execute("DESCRIBE raw").fetchall()
    if len(described) == 1:
        _require_one_column(str(described[0][0]), path)
    _require_own_names([str(column[0]) for column in described], path)


def _load_western(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Read a file in an encoding of western Europe."""
    try:
        database.execute(_READ.format(", encoding='latin-1'"), [str(path)])
    except duckdb.InvalidInputException as error:
        if "latin-1" not in str(error):
            raise
        # Excel writes Windows-1252, which has the euro and quotes where Latin-1 has nothing.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.csv"
            try:
                with _lines(path, "cp1252") as source, copy.open("w", encoding="utf-8") as sink:
                    shutil.copyfileobj(source, sink)
            except UnicodeDecodeError as problem:
                raise EvergreenError(
                    "it is neither in UTF-8 nor in Windows-1252",
                    where=str(path),
                    fix="Save it as CSV in UTF-8.",
                ) from problem
            database.execute(_READ.format(""), [str(copy)])


def _require_one_column(name: str, path: Path) -> None:
    """Raise an EvergreenError if what was read as one column has the names of several."""
    delimiter = max(_DELIMITERS, key=name.count)
    if not name.count(delimiter):
        return
    with _lines(path, "utf-8") as file:
        fields = len(next(csv.reader([file.readline()], delimiter=delimiter)))
        lines = csv.reader(file, delimiter=delimiter)
        for number, line in enumerate(itertools.islice(lines, _SEARCHED), 1):
            if line and len(line) != fields:
                raise EvergreenError(
                    f"the header has {fields} columns, and row {number} below it has "
                    f"{len(line)} values",
                    where=str(path),
                    fix=f"Give each row {fields} values, with quotes around one that has a "
                    f"{delimiter!r}.",
                )


def _require_own_names(columns: list[str], path: Path) -> None:
    """Raise an EvergreenError if DuckDB has renamed columns because others are called alike."""
    lowered = {column.lower() for column in columns}
    if not any(
        _NUMBERED.sub("", column).lower() in lowered - {column.lower()} for column in columns
    ):
        return
    with _lines(path, "utf-8") as file:
        for line in itertools.islice(file, _HEADER_LINES):
            for delimiter in _DELIMITERS:
                names = next(csv.reader([line.removeprefix("\ufeff")], delimiter=delimiter), [])
                if len(names) == len(columns):
                    _require_different(names, path)
                    return


def _require_different(names: list[str], path: Path) -> None:
    counts = Counter(name.strip().lower() for name in names)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise EvergreenError(
            f"several columns are called {', '.join(map(repr, twice))} (small and capital letters "
            "are one)",
            where=str(path),
            fix="Give each column a name of its own in the header line.",
        )


def _lines(path: Path, encoding: str) -> IO[str]:
    errors = "strict" if encoding == "cp1252" else "replace"
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, errors=errors, newline="")
    return path.open(encoding=encoding, errors=errors, newline="")

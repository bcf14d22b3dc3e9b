"""Where a query of the log finds what it needs and writes what it found, in the data bucket."""

from __future__ import annotations

QUERIES = "queries/"
"""Prefix of what belongs to queries and may be deleted after a day."""
USED_ROWS = "used_rows"
"""Name of the table with the keys of data sets' rows, one partition ``run`` for each query."""


def output_prefix(run: str) -> str:
    """Return where the query of one run writes its files, without the slash."""
    return f"{QUERIES}rows/{run}"


def used_rows_prefix(run: str) -> str:
    """Return where the query of one run finds the keys of a data set's rows, without the slash."""
    return f"{QUERIES}used/{run}"

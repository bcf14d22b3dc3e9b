"""The query for a window of traffic, for a drift check whose window a query engine reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.lake.sql import sample_query

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.lake.sql import SqlTables
    from evergreen.model_definition import ModelDefinition

DRIFT_ROW_CAP = 50_000
"""Largest number of rows tested on each side. Above it a sample is tested, so time and memory are
bounded.

What the sample can lose follows from the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's
constant (P. Massart, *Annals of Probability* 18, 1990). An empirical distribution of n rows is off
by more than e anywhere with probability at most ``2 exp(-2 n e^2)``. At 50,000 rows a side both are
within 0.01, except with probability 2e-4. A gap of 0.05 then appears as at least 0.03. That passes
the effect threshold. Its p-value is below ``2 exp(-25,000 * 0.03^2)`` = 4e-10, which passes Holm's
correction over a million tests at alpha = 0.05."""


def window_query(
    definition: ModelDefinition,
    tables: SqlTables,
    version: str,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
) -> str:
    """Return the query for the rows that a check of a window tests, with their ground truth.

    They are at most :data:`DRIFT_ROW_CAP` rows, drawn at random by the hashes of their keys. The
    small engine draws by another hash; below the cap both take all rows.

    Parameters
    ----------
    definition, tables
        The model and its tables.
    version
        The version in production.
    start, end
        The window.
    now
        Up to when ground truth is read.
    """
    return sample_query(definition, tables, version, start, end, now=now, cap=DRIFT_ROW_CAP)

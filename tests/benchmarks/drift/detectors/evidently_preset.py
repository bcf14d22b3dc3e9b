"""Evidently's preset as it comes, without the figures that take most of its time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.drift.data import Columns

DRIFT_SHARE = 0.5
"""The preset's own: this share of drifted columns makes a drifted data set."""


def preset(reference: Columns, window: Columns) -> dict[str, bool]:
    """Run the methods that Evidently chooses itself, with its own thresholds."""
    drifted = []
    for name, values in reference.items():
        kind = ColumnType.Categorical if values.dtype == object else ColumnType.Numerical
        sides = (pd.Series(values).dropna(), pd.Series(window[name]).dropna())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drifted.append(bool(get_stattest(*sides, kind, None)(*sides, kind, None).drifted))
    return {
        "Evidently preset: data set": sum(drifted) / len(drifted) >= DRIFT_SHARE,
        "Evidently preset: any column": any(drifted),
    }


def whole_report(reference: Columns, window: Columns) -> Callable[[], bool]:
    """Return the preset the way its users run it, on frames that are made beforehand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
        from evidently.presets import DataDriftPreset  # noqa: PLC0415
    categories = [name for name, values in reference.items() if values.dtype == object]
    schema = DataDefinition(
        numerical_columns=[name for name in reference if name not in categories],
        categorical_columns=categories,
    )
    sides = [
        Dataset.from_pandas(pd.DataFrame(side), data_definition=schema)
        for side in (window, reference)
    ]

    def run() -> bool:
        metrics = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
        return bool(metrics[0]["value"]["share"] >= DRIFT_SHARE)

    return run

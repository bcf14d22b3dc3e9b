"""NannyML's detectors with its own thresholds; the window is one chunk."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import nannyml
import pandas as pd

if TYPE_CHECKING:
    from tests.benchmarks.drift.data import Columns

_DEFAULT = "jensen_shannon"


def univariate(reference: Columns, window: Columns) -> dict[str, bool]:
    """Any feature's alert: by its default method, and by the tests that it offers beside it."""
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference),
        treat_as_categorical=_categories(reference),
        continuous_methods=[_DEFAULT, "kolmogorov_smirnov"],
        categorical_methods=[_DEFAULT, "chi2"],
        chunk_size=_chunk(reference, window),
    )
    alerts = _alerts(calculator, reference, window)
    default = {column for column in alerts if _DEFAULT in column}
    return {
        "NannyML default (Jensen-Shannon)": any(alerts[column] for column in default),
        "NannyML KS and chi2": any(alerts[column] for column in alerts.keys() - default),
    }


def classifier(reference: Columns, window: Columns) -> dict[str, bool]:
    """The alert of the domain classifier."""
    calculator = nannyml.DomainClassifierCalculator(
        feature_column_names=list(reference),
        treat_as_categorical=_categories(reference),
        chunk_size=_chunk(reference, window),
    )
    return {"NannyML domain classifier": any(_alerts(calculator, reference, window).values())}


def _categories(columns: Columns) -> list[str]:
    return [name for name, values in columns.items() if values.dtype == object]


def _chunk(reference: Columns, window: Columns) -> int:
    return max(next(iter(side.values())).size for side in (reference, window))


def _alerts(calculator: Any, reference: Columns, window: Columns) -> dict[tuple[str, ...], bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator.fit(pd.DataFrame(reference))
        table = calculator.calculate(pd.DataFrame(window)).filter(period="analysis").to_df()
    return {
        column: bool(table[column].fillna(False).iloc[0])
        for column in table.columns
        if column[-1] == "alert"
    }

"""NannyML's detectors with its own thresholds; the window is one chunk to it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import nannyml
import pandas as pd

if TYPE_CHECKING:
    from tests.benchmarks.drift.data import Columns

_DEFAULT = "jensen_shannon"
_CHUNKS = 10
"""Its thresholds are three standard deviations over chunks of the reference: chunks as long as the
window, or where these would be fewer than ten, shorter ones, which can only make them wider."""


def univariate(reference: Columns, window: Columns) -> dict[str, bool]:
    """Any feature's alert: by its default method, and by the tests that it offers beside it."""
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference),
        treat_as_categorical=_categories(reference),
        continuous_methods=[_DEFAULT, "kolmogorov_smirnov"],
        categorical_methods=[_DEFAULT, "chi2"],
        chunk_size=max(1, min(_rows(window), _rows(reference) // _CHUNKS)),
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
        # Its threshold is a constant: one chunk says all.
        chunk_size=_rows(reference),
    )
    return {"NannyML domain classifier": any(_alerts(calculator, reference, window).values())}


def _categories(columns: Columns) -> list[str]:
    return [name for name, values in columns.items() if values.dtype == object]


def _rows(columns: Columns) -> int:
    return int(next(iter(columns.values())).size)


def _alerts(calculator: Any, reference: Columns, window: Columns) -> dict[tuple[str, ...], bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator.fit(pd.DataFrame(reference))
        calculator.chunker = nannyml.SizeBasedChunker(chunk_size=_rows(window))
        table = calculator.calculate(pd.DataFrame(window)).filter(period="analysis").to_df()
    return {
        column: bool(table[column].fillna(False).iloc[0])
        for column in table.columns
        if column[-1] == "alert"
    }

"""Adapter of Evidently: one explicit method and threshold per column.

By default Evidently chooses a method by the number of rows, and reports a p-value or a distance
under one name. Its ``chisquare`` treats the reference as the exact distribution, so it raises false
alarms unless the reference is far larger than the window. Its ``fisher_exact`` needs the same
number of rows on both sides, and its ``g_test`` needs equal totals. So numbers use Evidently's
``ks``. Categories use a two-sample test of ours, which is registered with Evidently under its own
name.

Evidently's report computes each test and then figures, which take most of the time. So the tests
are taken from Evidently's registry and run without a report. The report uses the same rows and the
same methods, and is made only if it is asked for.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.drift.detectors import statistics
from evergreen.errors import EvergreenError

with warnings.catch_warnings():
    # Evidently 0.7 and the web framework that it imports use deprecated names of their
    # dependencies.
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.calculations.stattests import (
        StatTest,
        get_stattest,
        register_stattest,
    )
    from evidently.legacy.core import ColumnType
    from evidently.metrics import ValueDrift

if TYPE_CHECKING:
    from collections.abc import Mapping

KS = "ks"
CHI_SQUARE = "chi_square_two_sample"
MISSING_RATE = "missing_rate"
UNSEEN_RATE = "unseen_rate"
TEXT_LENGTH = "text_length"
UNSEEN_WORDS = "unseen_words"
NUMERIC = frozenset({KS, TEXT_LENGTH, UNSEEN_WORDS})
"""The methods that compare numbers."""
_SEED = 20130101
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class EvidentlyRun:
    """The p-values by column, and what Evidently needs to make its report."""

    p_values: dict[str, float]
    reference: Mapping[str, Any]
    window: Mapping[str, Any]
    methods: Mapping[str, str]
    alpha: float

    def html(self) -> str:
        """Return Evidently's report: one HTML page that loads nothing from the network.

        Raises
        ------
        EvergreenError
            If Evidently's report and the tests differ in a method or a p-value.
        """
        numeric = [column for column, method in self.methods.items() if method in NUMERIC]
        schema = DataDefinition(
            numerical_columns=numeric,
            categorical_columns=[column for column in self.methods if column not in numeric],
        )
        metrics = [
            ValueDrift(column=column, method=method, threshold=self.alpha)
            for column, method in self.methods.items()
        ]
        with _quiet():
            snapshot = Report(metrics).run(
                _dataset(self.window, schema), _dataset(self.reference, schema)
            )
            for result in snapshot.dict()["metrics"]:
                self._compare(result["config"], float(result["value"]))
            return str(snapshot.get_html_str(as_iframe=False))

    def _compare(self, config: Mapping[str, Any], value: float) -> None:
        column = str(config["column"])
        if config["method"] != self.methods[column]:
            raise EvergreenError(f"Evidently used {config['method']!r}", where=column)
        if abs(value - self.p_values[column]) > _ROUNDING:
            raise EvergreenError(
                f"Evidently's report says p = {value}, its test {self.p_values[column]}",
                where=column,
            )


def run_tests(
    reference: Mapping[str, Any],
    window: Mapping[str, Any],
    methods: Mapping[str, str],
    alpha: float,
) -> EvidentlyRun:
    """Run one Evidently test per column.

    Parameters
    ----------
    reference, window
        Column name to 1-d array, without missing values. Columns may differ in length.
    methods
        Column name to :data:`KS`, :data:`CHI_SQUARE`, :data:`MISSING_RATE` or
        :data:`UNSEEN_RATE`.
    alpha
        Threshold shown in Evidently's report. It does not decide: the verdict follows from the
        corrected p-values.
    """
    p_values = {}
    for column, method in methods.items():
        sides = pd.Series(reference[column]), pd.Series(window[column])
        kind = ColumnType.Numerical if method in NUMERIC else ColumnType.Categorical
        with _quiet():
            outcome = get_stattest(*sides, kind, method)(*sides, kind, alpha)
        p_values[column] = float(outcome.drift_score)
    return EvidentlyRun(p_values, reference, window, methods, alpha)


def _dataset(columns: Mapping[str, Any], schema: DataDefinition) -> Dataset:
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    return Dataset.from_pandas(frame, data_definition=schema)


def _quiet() -> warnings.catch_warnings:
    # Evidently also computes figures and correlations. Constant columns and single rows divide by
    # zero there, which does not change the p-value.
    return warnings.catch_warnings(action="ignore")


def _two_sample(
    reference: pd.Series[Any], window: pd.Series[Any], _kind: object, threshold: float
) -> tuple[float, bool]:
    counts = statistics.category_counts(
        reference.to_numpy(dtype=object), window.to_numpy(dtype=object)
    )
    p_value = statistics.homogeneity(counts, _SEED)
    return p_value, p_value < threshold


def _missing_rate(
    reference: pd.Series[Any], window: pd.Series[Any], _kind: object, threshold: float
) -> tuple[float, bool]:
    # Each test needs its own function, because Evidently finds a test's name by its function.
    return _two_sample(reference, window, _kind, threshold)


def _unseen_rate(
    reference: pd.Series[Any], window: pd.Series[Any], _kind: object, threshold: float
) -> tuple[float, bool]:
    found = statistics.unseen_categories(
        reference.to_numpy(dtype=object), window.to_numpy(dtype=object)
    )
    p_value = 1.0 if found is None else found[0]
    return p_value, p_value < threshold


def _text_length(
    reference: pd.Series[Any], window: pd.Series[Any], kind: ColumnType, threshold: float
) -> tuple[float, bool]:
    return _kolmogorov_smirnov(reference, window, kind, threshold)


def _unseen_words(
    reference: pd.Series[Any], window: pd.Series[Any], kind: ColumnType, threshold: float
) -> tuple[float, bool]:
    return _kolmogorov_smirnov(reference, window, kind, threshold)


def _kolmogorov_smirnov(
    reference: pd.Series[Any], window: pd.Series[Any], kind: ColumnType, threshold: float
) -> tuple[float, bool]:
    test = get_stattest(reference, window, kind, KS)
    p_value = float(test(reference, window, kind, threshold).drift_score)
    return p_value, p_value < threshold


for _name, _title, _compared in (
    (TEXT_LENGTH, "characters of a text, K-S p-value", _text_length),
    (UNSEEN_WORDS, "share of unseen words, K-S p-value", _unseen_words),
):
    register_stattest(
        StatTest(name=_name, display_name=_title, allowed_feature_types=[ColumnType.Numerical]),
        default_impl=_compared,
    )

for _name, _title, _function in (
    (CHI_SQUARE, "two-sample chi-square p-value", _two_sample),
    (MISSING_RATE, "missing rate, Fisher's exact p-value", _missing_rate),
    (UNSEEN_RATE, "unseen categories, exchangeability p-value", _unseen_rate),
):
    register_stattest(
        StatTest(name=_name, display_name=_title, allowed_feature_types=[ColumnType.Categorical]),
        default_impl=_function,
    )

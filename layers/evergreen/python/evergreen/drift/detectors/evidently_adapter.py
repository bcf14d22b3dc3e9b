"""Evidently, held to what we ask: one explicit method and threshold per column.

Left alone, Evidently chooses a method by the number of rows and reports a p-value or a distance
under one name. Its own ``chisquare`` takes the reference for the exact truth (so it raises false
alarms unless the reference is far larger than the window), its ``fisher_exact`` wants both sides
equally long, and its ``g_test`` wants equal totals. So numbers use its ``ks``, and categories a
two-sample test of ours, registered with Evidently under its own name.

A report computes each test and then, for most of its time, figures. So the tests are taken from
Evidently's registry and run alone; the report is made of the same rows with the same methods, but
only when somebody wants to see it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.drift.detectors import statistics
from evergreen.errors import EvergreenError

with warnings.catch_warnings():
    # Evidently 0.7 and the web framework it pulls in use names their dependencies deprecate.
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
_SEED = 20130101
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class EvidentlyRun:
    """p-values by column, and what Evidently needs to draw the page people read."""

    p_values: dict[str, float]
    reference: Mapping[str, Any]
    window: Mapping[str, Any]
    methods: Mapping[str, str]
    alpha: float

    def html(self) -> str:
        """Draw Evidently's report: one page that needs nothing from the network.

        Raises
        ------
        EvergreenError
            If Evidently's report tells another story than the tests did.
        """
        numeric = [column for column, method in self.methods.items() if method == KS]
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
        Column name to 1-d array; not the same length from column to column, no missing values.
    methods
        Column name to :data:`KS`, :data:`CHI_SQUARE` or :data:`MISSING_RATE`.
    alpha
        Threshold shown in Evidently's page; the verdict is taken elsewhere, after correction.
    """
    p_values = {}
    for column, method in methods.items():
        sides = pd.Series(reference[column]), pd.Series(window[column])
        kind = ColumnType.Numerical if method == KS else ColumnType.Categorical
        with _quiet():
            outcome = get_stattest(*sides, kind, method)(*sides, kind, alpha)
        p_values[column] = float(outcome.drift_score)
    return EvidentlyRun(p_values, reference, window, methods, alpha)


def _dataset(columns: Mapping[str, Any], schema: DataDefinition) -> Dataset:
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    return Dataset.from_pandas(frame, data_definition=schema)


def _quiet() -> warnings.catch_warnings:
    # Evidently draws and correlates columns on the way: constant ones and single rows divide by
    # zero there, without consequence for the p-value.
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
    # A function of its own: Evidently finds a test's name by its function.
    return _two_sample(reference, window, _kind, threshold)


for _name, _title, _function in (
    (CHI_SQUARE, "two-sample chi-square p-value", _two_sample),
    (MISSING_RATE, "missing rate, Fisher's exact p-value", _missing_rate),
):
    register_stattest(
        StatTest(name=_name, display_name=_title, allowed_feature_types=[ColumnType.Categorical]),
        default_impl=_function,
    )

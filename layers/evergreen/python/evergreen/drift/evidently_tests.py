"""Evidently, held to what we ask: one explicit method and threshold per column.

Left alone, Evidently chooses a method by the number of rows and reports a p-value or a distance
under one name. Its own ``chisquare`` takes the reference for the exact truth (so it raises false
alarms unless the reference is far larger than the window), its ``fisher_exact`` wants both sides
equally long, and its ``g_test`` wants equal totals. So numbers use its ``ks``, and categories a
two-sample test of ours, registered with Evidently under its own name.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.drift import statistics
from evergreen.errors import EvergreenError

with warnings.catch_warnings():
    # Evidently 0.7 and the web framework it pulls in use names their dependencies deprecate.
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType
    from evidently.metrics import ValueDrift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidently.core.report import Snapshot

KS = "ks"
CHI_SQUARE = "chi_square_two_sample"
MISSING_RATE = "missing_rate"
_SEED = 20130101


@dataclass(frozen=True, slots=True)
class EvidentlyRun:
    """p-values by column, and Evidently's own result for the page people read."""

    p_values: dict[str, float]
    snapshot: Snapshot

    def html(self) -> str:
        """Return Evidently's report: one page that needs nothing from the network."""
        with _quiet():
            return str(self.snapshot.get_html_str(as_iframe=False))


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

    Raises
    ------
    EvergreenError
        If Evidently used a method other than the one asked for.
    """
    numeric = [column for column, method in methods.items() if method == KS]
    schema = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=[column for column in methods if column not in numeric],
    )
    metrics = [
        ValueDrift(column=column, method=method, threshold=alpha)
        for column, method in methods.items()
    ]
    with _quiet():
        snapshot = Report(metrics).run(_dataset(window, schema), _dataset(reference, schema))
        results = snapshot.dict()["metrics"]
    p_values = {}
    for result in results:
        config = result["config"]
        if config["method"] != methods[config["column"]]:
            raise EvergreenError(f"Evidently used {config['method']!r}", where=config["column"])
        p_values[config["column"]] = float(result["value"])
    return EvidentlyRun(p_values, snapshot)


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

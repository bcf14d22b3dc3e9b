"""What the benchmark runs is what it says: the peers' own answers, and the shipped check's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.benchmarks.drift.data import NOTHING, Cell, Shift, draw
from tests.benchmarks.drift.detectors import evidently_preset, ours, psi

MOVED = Shift("mean", 1.0)


@pytest.mark.parametrize("shift", [NOTHING, MOVED])
@pytest.mark.parametrize("cell", [Cell(300, 100, 5), Cell(1_500, 100, 5)])
def test_evidently_without_figures_answers_like_its_report(cell: Cell, shift: Shift) -> None:
    sides = draw(cell, shift, 0)
    report = evidently_preset.whole_report(*sides)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert evidently_preset.preset(*sides)["Evidently preset: data set"] == report()


def test_the_decision_follows_from_both_tests() -> None:
    still, moved = (draw(Cell(1_000, 300, 5), shift, 1) for shift in (NOTHING, MOVED))
    assert ours.decision(*moved) == {"ours: multivariate": True, "ours: decision": True}
    assert ours.univariate(*moved) == {"ours: univariate": True}
    assert ours.decision(*still) == {"ours: multivariate": False, "ours: decision": False}
    assert ours.univariate(*still) == {"ours: univariate": False}


def test_psi_of_known_shares() -> None:
    reference = np.array(["a"] * 50 + ["b"] * 50, dtype=object)
    window = np.array(["a"] * 80 + ["b"] * 20, dtype=object)
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert psi.index(reference, window) == pytest.approx(expected)


def test_psi_sees_missing_values_as_a_bin() -> None:
    reference = np.linspace(0, 1, 1_000, dtype=np.float32)
    window = reference.copy()
    assert psi.index(reference, window) == pytest.approx(0)
    window[:300] = np.nan
    assert psi.index(reference, window) > psi.LIMIT

"""Drawn data: the same everywhere, and shifted as its label says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.drift.data import NOTHING, Cell, Shift, draw

CELL = Cell(20_000, 20_000, 10)


def test_a_repetition_is_always_the_same_rows() -> None:
    first, second = (draw(Cell(50, 20, 5), NOTHING, 3) for _ in range(2))
    for side, again in zip(first, second, strict=True):
        for name, values in side.items():
            np.testing.assert_array_equal(values, again[name])
    assert not np.array_equal(
        draw(Cell(50, 20, 5), NOTHING, 4)[0]["number_0"], first[0]["number_0"]
    )


def test_only_the_moved_numbers_move() -> None:
    reference, window = draw(CELL, Shift("mean", 0.5, 1), 0)
    assert window["number_0"].mean() - reference["number_0"].mean() == pytest.approx(0.5, abs=0.05)
    assert window["number_1"].mean() == pytest.approx(reference["number_1"].mean(), abs=0.05)


def test_a_share_of_the_rows_changes_category() -> None:
    reference, window = draw(CELL, Shift("category", 0.1, 1), 0)
    before, after = ((side["category_0"] == "c0").mean() for side in (reference, window))
    assert before - after == pytest.approx(0.1, abs=0.02)


def test_more_values_are_missing() -> None:
    reference, window = draw(CELL, Shift("missing", 0.05, 1), 0)
    assert not np.isnan(reference["number_0"]).any()
    assert np.isnan(window["number_0"]).mean() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("shift", [Shift("correlation", 0.6, 3), Shift("xor", 0.6)])
def test_joint_shifts_leave_each_feature_alone(shift: Shift) -> None:
    reference, window = draw(CELL, shift, 0)
    for name in ("number_0", "number_1"):
        assert window[name].mean() == pytest.approx(reference[name].mean(), abs=0.05)
        assert window[name].std() == pytest.approx(reference[name].std(), abs=0.05)
    together = np.corrcoef(window["number_0"], window["number_1"])[0, 1]
    assert together > 0.3

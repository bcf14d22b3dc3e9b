"""The simulation of the rule draws what it says, and the page has all of its cells."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.evaluation.promotion import GAINS, PAGE, ROWS, STATES, Cell, promoted


@pytest.mark.parametrize("metric", list(GAINS))
def test_a_fallen_champion_gives_way_where_a_quiet_one_stays(metric: Any) -> None:
    gain = {"f1": 0.15, "rmse": 0.05}[metric]
    share = {
        state: np.mean([promoted(Cell(metric, state, 100, gain), seed) for seed in range(12)])
        for state in ("quiet", "fallen")
    }
    assert share["fallen"] > share["quiet"]


def test_the_page_has_a_line_for_each_metric_state_and_number_of_rows() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for metric, state in product(GAINS, STATES):
        for rows in ROWS[metric]:
            expected = sum(rows in each for each in ROWS.values())
            assert sum(line.startswith(f"| {state} | {rows} |") for line in lines) == expected

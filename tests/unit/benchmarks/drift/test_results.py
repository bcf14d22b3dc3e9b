"""Rates, intervals, and who is honest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.drift.cells import Task
from tests.benchmarks.drift.data import NOTHING, Cell, Shift
from tests.benchmarks.drift.intervals import clopper_pearson
from tests.benchmarks.drift.results import behind, honest, pooled, summarise

CELL = Cell(1_000, 50, 5)
CLEAN = Task("psi", CELL, NOTHING, 100, 1.0)
MOVED = Task("psi", CELL, Shift("mean", 0.5, 1), 100, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate(counted: tuple[int, int]) -> None:
    hits, repetitions = counted
    low, high = clopper_pearson(hits, repetitions)
    assert 0 <= low <= hits / repetitions <= high <= 1


def test_the_interval_is_clopper_and_pearsons() -> None:
    # Their rule of three: nothing in n is at most 1 - 0.025 ** (1 / n).
    assert clopper_pearson(0, 100) == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert clopper_pearson(0, 0) == (0, 1)


def answers(clean: dict[str, int], moved: dict[str, int]) -> dict[str, dict[str, object]]:
    return {
        CLEAN.key: {"hits": clean, "repetitions": 100},
        MOVED.key: {"hits": moved, "repetitions": 100},
    }


def test_a_peer_that_cries_wolf_has_no_power() -> None:
    found = summarise(
        (CLEAN, MOVED),
        answers(
            {"ours: decision": 2, "honest": 4, "loud": 60},
            {"ours: decision": 50, "honest": 90, "loud": 100},
        ),
    )
    entry = found["power"][0]
    assert {"detector", "reference", "window", "shift", "kind", "rate"} <= entry.keys()
    assert (entry["kind"], entry["shift"], entry["rate"]) == ("mean, 1 features", 0.5, 0.5)
    allowed = honest(found["false_alarms"])
    assert {name for name, *_ in allowed} == {"ours: decision", "honest"}
    ((mine, best),) = behind(found["power"], allowed)
    assert (mine["detector"], best["detector"]) == ("ours: decision", "honest")


def test_pooled_cells_are_summed() -> None:
    found = summarise((CLEAN, CLEAN), answers({"ours: decision": 2}, {}))
    (entry,) = pooled(found["false_alarms"])
    assert (entry["hits"], entry["repetitions"], entry["rate"]) == (4, 200, 0.02)


def test_a_tasks_key_changes_with_what_it_does() -> None:
    assert len({CLEAN.key, MOVED.key, Task("psi", CELL, NOTHING, 101, 1.0).key}) == 3

"""The page is made of the numbers, whole."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.drift.report import render, versions
from tests.benchmarks.drift.results import summarise
from tests.unit.benchmarks.drift.test_results import CLEAN, MOVED, answers


def speed(detector: str, seconds: float) -> dict[str, Any]:
    return {
        "rows": 1_000,
        "detector": detector,
        "seconds": seconds,
        "cpu_seconds": seconds,
        "peak_mb": 10.0,
        "data_mb": 5.0,
        "import_seconds": 1.0,
        "drifted": True,
    }


def test_every_part_is_filled_in() -> None:
    found = {
        "run": "quick",
        "date": "2026-01-01",
        "processes": 2,
        "tasks": 2,
        "tasks_planned": 5,
        "versions": versions(),
        "speed": [speed("ours: decision", 1.0), speed("Evidently DataDriftPreset", 7.0)],
        "streams": [
            {
                "stream": "SEA",
                "detector": "ours: decision",
                "window": 1_000,
                "windows_before": 7,
                "alarms_before": 0,
                "windows_after": 6,
                "alarms_after": 6,
                "delay": 1,
            }
        ],
        "months": [
            {
                "month": "2013-03",
                "rows": 8_000,
                "drifted_features": ["temp"],
                "alarms": {"ours: decision": True, "PSI > 0.2": False},
                "champion": 0.4,
                "challenger": 0.5,
                "probability_better": 0.99,
                "decision": "promote",
            }
        ],
        **summarise(
            (CLEAN, MOVED), answers({"ours: decision": 2, "loud": 60}, {"ours: decision": 50})
        ),
    }
    page = render(found)
    assert "@" not in page
    assert "2 of 5 tasks of the simulation, and without speed at" in page
    assert "QUICK=1 make bench-drift" in page
    assert "| SEA | 0/7 · 1 |" in page
    assert "1,000 rows: 7.0x faster" in page
    assert "2.0% (0.2%–7.0%), n=100" in page
    assert "| 2013-03 | 8,000 | 1: temp | ours: decision | 0.400 / 0.500 | 0.99 | promote |" in page

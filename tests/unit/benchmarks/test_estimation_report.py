"""The page of the estimates counts what the record says."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.estimation.report import to_page


def window(series: str, true: float, ours: float, nannyml: float | None) -> dict[str, Any]:
    return {
        "series": series,
        "metric": "rmse",
        "promoted": 10.0,
        "true": true,
        "ours": ours,
        "low": ours - 1,
        "high": ours + 1,
        "nannyml": nannyml,
    }


def test_errors_are_medians_and_their_ratio_is_of_the_same_windows() -> None:
    record = {
        "quick": True,
        "windows": [
            window("a", 12, 12.5, 13),
            window("a", 12, 14, 16),
            window("a", 12, 12, None),  # NannyML has no estimate, so it compares nothing
            window("b", 8, 11, 9),
        ],
        "costs": [{"series": name, "ours": 0.25, "nannyml": 0.5} for name in ("a", "b")],
    }
    page = to_page(record)
    assert "| a | rmse | 2 | 1.25 | 2.5 | 2 | 0.50 | 1 of 2 | 0.25 s, 0.50 s |" in page
    assert "| b | rmse | 1 | 3 | 1 | 2 | 3.00 | 0 of 1 | 0.25 s, 0.50 s |" in page
    assert "Over 2 series the median ratio of the errors is **1.75**" in page
    assert "Of 3 windows ours is at least as near in 2." in page
    assert "`QUICK=1 make bench-estimation`" in page
    assert "@" not in page

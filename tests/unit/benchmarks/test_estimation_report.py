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
        "worse": ours > 12,
        "nannyml": nannyml,
    }


SAID = [(True, False), (False, False), (False, False), (True, True)]


def told(*, worse: bool, harder: bool) -> dict[str, Any]:
    change = -0.1 if harder else 0.0
    kind = {"metric": "f1", "rows": [800, 200, 200], "refit": True, "harder": harder}
    return kind | {"worse": worse, "change": change, "inside": not worse}


def test_errors_are_medians_and_their_ratio_is_of_the_same_windows() -> None:
    record = {
        "command": "QUICK=1 make bench-estimation",
        "windows": [
            window("a", 12, 12.5, 13),
            window("a", 12, 14, 16),
            window("a", 12, 12, None),  # NannyML has no estimate, so it compares nothing
            window("b", 8, 11, 9),
            window("c", 8, 9, None) | {"metric": "brier"},
        ],
        "costs": [
            {"series": name, "metric": "rmse", "ours": 0.25, "nannyml": 0.5} for name in ("a", "b")
        ]
        + [{"series": "c", "metric": "brier", "ours": 0.1, "nannyml": None}],
        "told": [told(worse=worse, harder=harder) for worse, harder in SAID],
    }
    page = to_page(record)
    assert "| a | rmse | 2 | 1.25 | 2.5 | 2 | 0.50 | 1 of 2 | 0.25 s, 0.50 s |" in page
    assert "| b | rmse | 1 | 3 | 1 | 2 | 3.00 | 0 of 1 | 0.25 s, 0.50 s |" in page
    assert "| c | brier | 1 | 1 | – | 2 | – | 1 of 1 | 0.10 s, – |" in page
    # The root of 0.5 * 3; two ratios so far apart say next to nothing of their mean.
    assert "of a series and a metric the mean ratio of the errors is **1.22 [0.00, " in page
    assert "By metric it is rmse 1.22 [" in page
    assert "Of the 5 estimates above 2 are surely worse than at promotion, and in 2 of" in page
    assert "| 800, 200, 200 | f1 | refit | 1 of 3 | 1 of 1 | -0.100 | 2, 0 of 1 |" in page
    assert "In 1 of 3 estimates of quiet windows" in page
    assert "In each of 3 trials" in page
    assert "Of 3 windows ours is at least as near in 2." in page
    assert "`QUICK=1 make bench-estimation`" in page
    assert "@" not in page

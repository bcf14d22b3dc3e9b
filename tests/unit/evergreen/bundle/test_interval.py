"""The ends of an interval: the radius around each output, and never beyond a double."""

from __future__ import annotations

import sys

from evergreen.bundle.interval import PredictionInterval


def test_the_ends_lie_the_radius_away() -> None:
    interval = PredictionInterval(coverage=0.9, radius=2.5, rows=40)
    assert interval.around([0.0, -10.0]) == [[-2.5, 2.5], [-12.5, -7.5]]


def test_no_end_is_infinite() -> None:
    largest = sys.float_info.max
    interval = PredictionInterval(coverage=0.9, radius=largest, rows=40)
    assert interval.around([largest, -largest]) == [[0.0, largest], [-largest, 0.0]]

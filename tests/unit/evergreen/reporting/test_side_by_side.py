"""Sources that are read side by side, of which one hangs or fails."""

from __future__ import annotations

from threading import Event

from evergreen.reporting.side_by_side import THREADS, Gaps, SideBySide


def test_a_source_that_hangs_keeps_no_other_waiting() -> None:
    go_on = Event()
    with SideBySide() as reading:
        hanging = [reading.read("bucket", go_on.wait) for _ in range(THREADS + 1)]
        assert reading.read("metrics", lambda: 7).result(timeout=10) == 7
        assert not hanging[-1].done()
        go_on.set()


def test_a_gap_is_filled_and_remembered() -> None:
    gaps = Gaps[str]()
    with SideBySide() as reading:
        assert gaps.fill("good", reading.read("a", lambda: 1), 0) == 1
        assert gaps.fill("bad", reading.read("a", lambda: 1 // 0), 0) == 0
    assert gaps.names == ("bad",)

"""Histograms as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.shared.histograms import bar, columns


def test_columns_grow_with_their_share_and_only_nothing_is_blank() -> None:
    assert columns((0, 1e-9, 0.25, 0.5, 1), 1) == " ▁▃▅█"


@given(st.floats(0, 1), st.integers(1, 40))
def test_bar_fits_and_is_seen_unless_there_is_nothing(share: float, width: int) -> None:
    drawn = bar(share, 1, width)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0)
    assert bar(1, 1, width) == "█" * width
    assert bar(0.5, 1, 4) == "██"

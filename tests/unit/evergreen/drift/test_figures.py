"""A figure has a bar for each share, of the right height, and stays small."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.drift.distributions import Categories, Numbers
from evergreen.drift.figures import distribution_figure

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=24)


@given(st.data())
@settings(max_examples=50)
def test_the_bars_of_numbers_are_as_high_as_the_shares(data: st.DataObject) -> None:
    reference = data.draw(SHARES)
    same = st.lists(st.floats(0, 1), min_size=len(reference), max_size=len(reference))
    window = data.draw(same)
    edges = tuple(float(place) for place in range(len(reference) + 1))
    found = Numbers(edges, tuple(reference), tuple(window), (None, 1.5), (0.0, 0.25))
    figure = distribution_figure('a "b" & <c>', found)
    tree = ET.fromstring(figure)
    [svg] = tree.findall("svg")
    assert svg.get("aria-label") == 'a "b" & <c>'
    most = max(*reference, *window) or 1
    for side, shares in (("reference", reference), ("window", window)):
        [path] = [each for each in svg.findall("path") if each.get("class") == side]
        tops = [int(top) for top in re.findall(r"V(\d+)h", path.get("d") or "")]
        assert tops == [round(150 - share / most * 140) for share in shares if share > 0]
    assert "Medians: none and 1.5. Missing: 0.0% and 25.0%." in figure
    assert len(figure) < 4_000


def test_categories_have_two_bars_each_and_their_shares() -> None:
    found = Categories(("<UA>", "a" * 60), (0.75, 0.25), (0.5, 0.5))
    tree = ET.fromstring(distribution_figure("carrier", found))
    texts = [each.text or "" for each in tree.iter("text")]
    assert texts[:3] == ["<UA>", "75.0%", "50.0%"]
    assert texts[3] == "a" * 23 + "…"
    widths = [int(re.findall(r"h(\d+)v", each.get("d") or "")[0]) for each in tree.iter("path")]
    assert widths[0] == max(widths)
    assert widths[1] / widths[0] == 2 / 3 or abs(widths[1] - widths[0] * 2 / 3) <= 1

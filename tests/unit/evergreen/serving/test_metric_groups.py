"""Groups are few, cover everything, and stay the same when a range changes a little."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.content import Signature
from evergreen.serving.metric_groups import (
    MAX_COUNTED_CLASSES,
    MAX_RANGES,
    OTHER_CLASS,
    OutputGroups,
    edges,
    origin_network,
)

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.0.0/8"),
        ("8.8.8.8", "8.0.0.0/8"),
        ("2001:db8::1", "2001::/16"),
        ("::1", "0::/16"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("test-invoke-source-ip", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_network_of_an_address(address: str | None, network: str) -> None:
    assert origin_network(address) == network


@given(st.ip_addresses(v=4))
def test_there_are_no_more_than_256_networks_of_ipv4(address: object) -> None:
    first = str(address).split(".")[0]
    assert origin_network(str(address)) == f"{first}.0.0.0/8"


@given(NUMBERS, NUMBERS)
def test_ranges_are_few_ordered_and_inside(one: float, two: float) -> None:
    low, high = sorted((one, two))
    found = edges(low, high)
    assert 1 <= len(found) <= MAX_RANGES - 1
    assert found == sorted(set(found))
    spread = max(high - low, abs(high) * 1e-8, 1e-11)
    assert all(low - spread <= edge <= high + spread for edge in found)


@given(NUMBERS, NUMBERS, st.lists(NUMBERS, min_size=1))
def test_every_number_is_in_one_range(one: float, two: float, outputs: list[float]) -> None:
    low, high = sorted((one, two))
    counted = OutputGroups(signature(output_range=(low, high))).count(outputs)
    assert sum(counted.values()) == len(outputs)
    assert len(counted) <= MAX_RANGES


def test_ranges_are_named_by_round_edges() -> None:
    assert edges(3.2, 78.1) == [10, 20, 30, 40, 50, 60, 70]
    assert edges(2.9, 78.9) == edges(3.2, 78.1)
    counted = OutputGroups(signature(output_range=(3.2, 78.1))).count([-5, 9.9, 10, 15, 70, 1e9])
    assert counted == {"below 10": 2, "10 to 20": 2, "from 70": 2}


@pytest.mark.parametrize(("low", "high"), [(1, 0), (0, math.inf), (math.nan, 1)])
def test_no_range_is_an_error(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="not a range"):
        edges(low, high)


def test_a_bundle_without_a_range_has_one_group() -> None:
    assert OutputGroups(signature()).count([1.0, -2.0]) == {OTHER_CLASS: 2}


@given(st.lists(st.integers(0, 99), min_size=1))
def test_classes_beyond_the_twentieth_are_one_group(outputs: list[int]) -> None:
    classes = tuple(str(number) for number in range(100))
    groups = OutputGroups(
        Signature(task="classification", target="y", features=(), classes=classes)
    )
    expected = Counter(str(each) if each < MAX_COUNTED_CLASSES else OTHER_CLASS for each in outputs)
    assert groups.count(outputs) == expected


def test_booleans_are_classes_by_their_name() -> None:
    groups = OutputGroups(
        Signature(task="classification", target="y", features=(), classes=("False", "True"))
    )
    assert groups.count([True, False, True]) == {"True": 2, "False": 1}


def signature(output_range: tuple[float, float] | None = None) -> Signature:
    return Signature(task="regression", target="y", features=(), output_range=output_range)

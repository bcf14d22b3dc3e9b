"""A sample is the same however its rows come, and holds each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from evergreen.drift.sampling import RowSample
from evergreen.lake.tables import LABELS, TIMESTAMP_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA = pa.schema({"timestamp": TIMESTAMP_TYPE, "request_id": pa.string(), "row": pa.int64()})


def table(numbers: Sequence[int]) -> pa.Table:
    """Three rows a request, a request a microsecond."""
    columns = {
        "timestamp": pa.array([number // 3 for number in numbers], TIMESTAMP_TYPE),
        "request_id": [f"r{number // 3}" for number in numbers],
        "row": [number % 3 for number in numbers],
    }
    return pa.table(columns, schema=SCHEMA)


def sample(parts: Iterable[Sequence[int]], cap: int) -> RowSample:
    found = RowSample(LABELS, SCHEMA, cap)
    for part in parts:
        found.add(table(part))
    return found


def numbers(found: RowSample) -> list[int]:
    rows = found.table()
    return [
        3 * int(request[1:]) + row
        for request, row in zip(
            rows["request_id"].to_pylist(), rows["row"].to_pylist(), strict=True
        )
    ]


def test_of_nothing_it_is_empty() -> None:
    assert sample([], 3).rows == 0
    assert sample([[]], 3).table().schema == SCHEMA
    assert sample([[]], 3).table().num_rows == 0


def test_below_the_cap_it_is_every_row_in_order_of_time() -> None:
    found = sample([[5, 1], [4, 0]], 4)
    assert numbers(found) == [0, 1, 4, 5]


@given(st.data(), st.integers(0, 60), st.integers(1, 12))
def test_it_depends_neither_on_order_nor_on_repetition(
    data: st.DataObject, count: int, cap: int
) -> None:
    everything = list(range(count))
    again = data.draw(st.lists(st.sampled_from(everything), max_size=30)) if count else []
    mixed = data.draw(st.permutations([*everything, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(mixed)), max_size=6)))
    parts = [mixed[start:end] for start, end in zip([0, *cuts], [*cuts, len(mixed)], strict=True)]
    found, straight = sample(parts, cap), sample([everything], cap)
    assert found.rows == straight.rows == count
    assert numbers(found) == numbers(straight)
    assert len(numbers(found)) == min(cap, count)


def test_every_row_is_as_likely_as_any_other() -> None:
    chosen = np.array(
        numbers(sample([range(start, start + 500) for start in range(0, 20_000, 500)], 5_000))
    )
    # A quarter of each twentieth of the rows, and of each place within a request: binomial, so that
    # five standard deviations are next to never exceeded. The hashes are the same on every machine.
    shares = np.bincount(chosen // 1_000, minlength=20)
    places = np.bincount(chosen % 3, minlength=3)
    assert np.abs(shares - 250).max() < 5 * np.sqrt(1_000 * 0.25 * 0.75)
    assert np.abs(places - 5_000 / 3).max() < 5 * np.sqrt(20_000 / 3 * 0.25 * 0.75)
    assert len(set(chosen)) == 5_000


def test_no_more_than_a_few_times_the_cap_is_held() -> None:
    found = RowSample(LABELS, SCHEMA, 100)
    held = []
    for start in range(0, 20_000, 200):
        found.add(table(range(start, start + 200)))
        held.append(sum(part.num_rows for part in found._kept))
    assert max(held) <= 200
    assert held[-1] < 300
    assert found.rows == 20_000

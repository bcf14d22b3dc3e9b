from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.confusion import MAX_CONFUSION_CLASSES, OTHERS, confusion
from tests.support.made_up_predictions import labels

PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1)


@given(PAIRS)
def test_each_pair_of_true_and_said_is_counted(pairs: list[tuple[Any, Any]]) -> None:
    ground_truth, said = map(labels, zip(*pairs, strict=True))
    table = confusion(ground_truth, said)
    assert table.labels == sorted({*ground_truth, *said})
    for row, true in enumerate(table.labels):
        for column, answer in enumerate(table.labels):
            assert table.counts[row, column] == pairs.count((true, answer))


def test_of_many_classes_the_rare_ones_are_taken_together() -> None:
    random = np.random.default_rng(1)
    often = [f"c{number:02}" for number in range(MAX_CONFUSION_CLASSES - 1)] * 9
    ground_truth = labels([*often, *(f"r{number}" for number in range(20))])
    said = random.permutation(ground_truth)
    table = confusion(ground_truth, said)
    assert table.labels == [*sorted(set(often)), OTHERS]
    assert table.counts.sum() == ground_truth.size
    assert table.counts[-1].sum() == 20

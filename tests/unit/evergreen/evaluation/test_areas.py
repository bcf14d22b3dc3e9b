"""Areas of rows in groups are those of the rows, if each score is a group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from evergreen.evaluation.areas import mean_area_of_groups


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_areas_of_groups_are_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    truth, scores = (np.array(side) for side in zip(*rows, strict=True))
    hits = np.bincount(5 - scores, truth.astype(float), minlength=6)
    count = np.bincount(5 - scores, minlength=6).astype(float)
    precision = mean_area_of_groups("pr_auc", [hits], [count])
    area = mean_area_of_groups("roc_auc", [hits], [count])
    if truth.any():
        assert precision == pytest.approx(average_precision_score(truth, scores))
    else:
        assert precision == 0
    if 0 < truth.sum() < truth.size:
        assert area == pytest.approx(roc_auc_score(truth, scores))
    else:
        assert area == 0.5


def test_a_class_that_does_not_occur_is_left_out_of_the_mean() -> None:
    mine, count = np.array([2.0, 0.5]), np.array([3.0, 3.0])
    alone = mean_area_of_groups("roc_auc", [mine], [count])
    assert mean_area_of_groups("roc_auc", [mine, np.zeros(2)], [count, count]) == alone

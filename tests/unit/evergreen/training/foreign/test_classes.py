"""The order of classes is the one that a model answers in, or it is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import BundleError
from evergreen.training.foreign.classes import ClassAnswers, type_of_classes


@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 1000))
def test_labels_that_follow_from_probabilities_give_the_order(order: list[str], seed: int) -> None:
    scores = np.random.default_rng(seed).dirichlet(np.full(4, 0.2), 100)
    labels = np.array(order, dtype=object)[scores.argmax(axis=1)]
    answers = ClassAnswers(labels, scores, ("a", "b", "c", "d"))
    assert answers.order() == tuple(order)


@pytest.mark.parametrize(
    ("labels", "seen", "named", "by_file", "expected"),
    [
        ([0, 1, 0, 1], ("0", "1"), None, None, ("0", "1")),
        ([False, True, False, True], ("False", "True"), None, None, ("False", "True")),
        ([0, 1, 0, 1], ("False", "True"), None, None, ("False", "True")),
        ([0, 1, 0, 1], ("late", "fine"), ("fine", "late"), None, ("fine", "late")),
        ([0, 1, 0, 1], ("0", "1"), None, ("0", "1"), ("0", "1")),
        (["fine"] * 4, ("late", "fine"), ("fine", "late"), None, ("fine", "late")),
    ],
)
def test_names_places_and_truth_values(
    labels: list[Any],
    seen: tuple[str, ...],
    named: tuple[str, ...] | None,
    by_file: tuple[str, ...] | None,
    expected: tuple[str, ...],
) -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    said = np.array(labels, dtype=object if isinstance(labels[0], str) else None)
    assert ClassAnswers(said, scores, seen, by_file=by_file, named=named).order() == expected


@pytest.mark.parametrize(
    ("labels", "seen", "named", "message"),
    [
        (None, ("fine", "late"), None, "does not say which class is which.*--classes fine,late"),
        ([0, 1, 0, 1], ("fine", "late"), None, "does not say which class is which"),
        ([0, 1, 0, 1], ("fine", "late"), ("fine", "late", "x"), "are not 2 different ones"),
        ([0, 1, 0, 1], ("0", "1"), ("1", "0"), "do not follow from its probabilities in the order"),
        ([0, 1, 0, 1], ("0", "2"), ("0", "1"), r"labels \['2'\], which are no class"),
        (["no", "yes"] * 2, ("False", "True"), None, r"'yes'\] are not those.*Write the labels"),
        (["no", "yes"] * 2, ("False", "True"), ("False", "True"), "neither.*Write the labels"),
        (["no", "yes"] * 2, ("False", "True"), ("no", "yes"), "no class.*Write the labels"),
        ([5, 6, 5, 6], ("fine", "late"), ("fine", "late"), "neither among the classes"),
        ([7, 7, 7, 7], ("7", "8", "9"), None, "cannot be told from these rows"),
    ],
)
def test_an_order_that_cannot_be_told_is_refused(
    labels: list[Any] | None, seen: tuple[str, ...], named: tuple[str, ...] | None, message: str
) -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    said = None if labels is None else np.array(labels)
    with pytest.raises(BundleError, match=message):
        ClassAnswers(said, scores, seen, named=named).order()


def test_the_type_of_classes_is_that_of_training() -> None:
    kinds = [type_of_classes(names) for names in (("False", "True"), ("-3", "10"), ("01", "2"))]
    assert kinds == ["boolean", "integer", "string"]

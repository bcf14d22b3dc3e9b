"""Texts drift by their length and by their words, and do not by chance."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.drift.detectors.localization import localize_drift
from evergreen.drift.detectors.multivariate import compare_jointly
from evergreen.drift.detectors.texts import unseen_words
from evergreen.drift.detectors.univariate import compare_features
from evergreen.model_definition import Feature

FEATURES = {"note": Feature(type="text", nullable=True)}
VOCABULARY = np.array([f"word{place}" for place in range(3000)])


def notes(seed: int, rows: int, words: np.ndarray = VOCABULARY, length: int = 8) -> np.ndarray:
    random = np.random.default_rng(seed)
    # A few words are frequent and most are rare, as in a language.
    share = 1 / np.arange(1, words.size + 1)
    drawn = random.choice(words, (rows, length), p=share / share.sum())
    found = np.empty(rows, dtype=object)
    found[:] = [" ".join(row) for row in drawn.tolist()]
    found[::50] = ""
    return found


def test_rare_words_that_the_reference_happens_to_lack_are_no_drift() -> None:
    alarms = 0
    for seed in range(40):
        sides = {"note": notes(seed, 600)}, {"note": notes(1000 + seed, 300)}
        found = compare_features(FEATURES, *sides, alpha=0.05)
        methods = [test.method for test in found.tests]
        assert methods == ["text_length", "unseen_words", "missing_rate"]
        alarms += bool(found.drifted_features)
    assert alarms <= 5  # of 40 at 5 %: 6 or more by chance once in 100


@pytest.mark.parametrize(
    ("window", "method"),
    [
        (notes(2, 300, np.char.replace(VOCABULARY, "word", "dorw")), "unseen_words"),
        (notes(2, 300, length=12), "text_length"),
    ],
    ids=["other words", "longer"],
)
def test_other_words_and_longer_texts_are_found(window: np.ndarray, method: str) -> None:
    reference = {"note": notes(1, 600)}
    found = compare_features(FEATURES, reference, {"note": window}, alpha=0.05)
    assert method in [test.method for test in found.tests if test.drifted]
    assert found.evidently is not None
    assert "word17" not in found.evidently.html()
    joint = compare_jointly(FEATURES, reference, {"note": window}, alpha=0.05)
    [place] = localize_drift(FEATURES, reference, {"note": window}, found.tests, joint)
    assert place.segment.endswith(" characters")
    hidden = compare_features(
        FEATURES, reference, {"note": window}, alpha=0.05, unlogged=frozenset({"note"})
    )
    assert [test.p_value for test in hidden.tests] == [None]


def test_words_that_change_their_frequency_are_found_jointly() -> None:
    turned = VOCABULARY.copy()
    turned[:20] = turned[:20][::-1]
    sides = [{"note": notes(seed, 500, words)} for seed, words in ((1, VOCABULARY), (2, turned))]
    joint = compare_jointly(FEATURES, sides[0], sides[1], alpha=0.01)
    assert joint.drifted
    same = compare_jointly(FEATURES, sides[0], {"note": notes(3, 500)}, alpha=0.01)
    assert not same.drifted


def test_shares_are_of_the_half_that_gave_no_words() -> None:
    reference = np.array(["a b", "a c", "!", "a a"], dtype=object)
    rest, found = unseen_words(reference, np.array(["x y", "", "A"], dtype=object))
    assert (rest.size, found.tolist()) == (2, [1.0, 0.0, 0.0])

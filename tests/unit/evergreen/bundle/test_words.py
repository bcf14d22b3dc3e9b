"""A text is taken apart as scikit-learn does it, whatever its letters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from evergreen.bundle.words import BETWEEN, WordRule, to_words

LETTERS = st.text(st.sampled_from("aBß İıKéÜ晴れ_2'-.\t\n  ́🙂ﬁ"), max_size=30)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lowercase": False, "strip_accents": "unicode"},
        {"strip_accents": "ascii", "token_pattern": r"[a-z]+"},
        {"stop_words": ["ab", "us"], "token_pattern": r"(?u)\b\w+\b"},
    ],
    ids=["default", "accents", "ascii", "stop words"],
)
@given(text=st.one_of(LETTERS, st.text(max_size=30)))
def test_the_words_are_those_of_a_vectorizer(settings: dict[str, Any], text: str) -> None:
    vectorizer = CountVectorizer(**settings)
    rule = WordRule(
        lowercase=vectorizer.lowercase,
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern,
        stop_words=tuple(vectorizer.stop_words or ()),
    )
    [found] = to_words(rule, np.array([text], dtype=object))
    assert (found.split(BETWEEN) if found else []) == vectorizer.build_analyzer()(text)


def test_a_space_within_a_word_makes_no_two_of_it() -> None:
    rule = WordRule(token_pattern=r"[a-z ]+")
    [found] = to_words(rule, np.array(["a b,c"], dtype=object))
    assert len(found.split(BETWEEN)) == 2

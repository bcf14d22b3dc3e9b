"""Words: a text taken apart before ONNX Runtime sees it, exactly as scikit-learn does.

ONNX' own operators know neither all letters of Unicode nor lower case without a locale of the
machine. So a bundle holds how its vectorizer takes a text apart, Python does that, and the graph
gets words with a space between them. The steps are those of scikit-learn's ``CountVectorizer``
(``build_preprocessor`` and ``build_tokenizer`` in ``feature_extraction/text.py``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BETWEEN = " "
"""What stands between two words."""
_NO_WORD = "\u2028"
"""Stands for a space within a word, which no vocabulary has."""


class WordRule(BaseModel):
    """How a vectorizer takes a text apart; the fields are its parameters."""

    model_config = ConfigDict(frozen=True)

    lowercase: bool = True
    strip_accents: Literal["ascii", "unicode"] | None = None
    token_pattern: str
    stop_words: tuple[str, ...] = ()


def to_words(rule: WordRule, texts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the words of each of n texts, with :data:`BETWEEN` between them."""
    split = _splitter(rule)
    found: NDArray[Any] = np.empty(texts.size, dtype=object)
    found[:] = [split(text) for text in texts.tolist()]
    return found


@lru_cache(maxsize=64)
def _splitter(rule: WordRule) -> Callable[[str], str]:
    tokens, left_out = re.compile(rule.token_pattern).findall, frozenset(rule.stop_words)

    def split(text: str) -> str:
        if rule.lowercase:
            text = text.lower()
        if rule.strip_accents is not None:
            text = _without_accents(text, ascii_only=rule.strip_accents == "ascii")
        words = (word for word in tokens(text) if word not in left_out)
        return BETWEEN.join(word.replace(BETWEEN, _NO_WORD) for word in words)

    return split


def _without_accents(text: str, *, ascii_only: bool) -> str:
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    if ascii_only:
        return apart.encode("ascii", "ignore").decode("ascii")
    return "".join(letter for letter in apart if not unicodedata.combining(letter))

"""Texts as numbers that a drift test can compare: how long they are, and how many words are new.

The share of unseen words needs rows that gave no words to the list of seen ones: the words of a
reference are all seen in it. So one half of the reference gives the list, and the other half is
compared with the window. Without drift both are rows of one kind, whatever the list holds.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WORDS = 30
"""The most frequent words of both sides, for which a joint test gets a column each."""
_WORD = re.compile(r"\w+")
_SEED = 20130101


def lengths(texts: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the number of characters of each of n texts."""
    return np.array([len(text) for text in texts.tolist()], dtype=np.float64)


def unseen_words(
    reference: NDArray[np.object_], window: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of words that half of the reference lacks, for the other half and a window.

    Parameters
    ----------
    reference, window
        n and m texts, none of them empty; n is at least 2.

    Returns
    -------
    The shares of n - n // 2 and of m texts, 0 to 1; of a text without a word it is 0.
    """
    order = np.random.default_rng(_SEED).permutation(reference.size)
    seen: set[str] = set()
    for text in reference[order[: reference.size // 2]].tolist():
        seen.update(_words(text))
    rest = np.sort(order[reference.size // 2 :])
    return _shares(reference[rest], seen), _shares(window, seen)


def frequent_words(texts: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return for each of n texts its length, and which of the most frequent words it has.

    The words are those that are in most texts, but not in all. Shape (n, 1 + at most
    :data:`MOST_WORDS`).
    """
    found = [set(_words(text)) for text in texts.tolist()]
    counts = Counter(word for words in found for word in words)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    names = [word for word, count in ranked if count < texts.size][:MOST_WORDS]
    has = np.array([[word in words for word in names] for words in found], dtype=np.float64)
    return np.column_stack([lengths(texts), has.reshape(texts.size, len(names))])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _shares(texts: NDArray[Any], seen: set[str]) -> NDArray[np.float64]:
    shares = []
    for text in texts.tolist():
        words = _words(text)
        shares.append(sum(word not in seen for word in words) / len(words) if words else 0.0)
    return np.array(shares, dtype=np.float64)

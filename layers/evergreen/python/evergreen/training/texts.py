"""Vectorizers of text features, prepared for ONNX: their words are found in Python.

See :mod:`evergreen.bundle.words` for why. The vectorizers of a copy of the estimator are changed so
that they take words with a space between them, which skl2onnx converts exactly.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from evergreen.bundle.words import WordRule
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.model_definition import ModelDefinition

_WORDS_APART = r"[^ ]+"


def with_words_apart(
    estimator: Any,  # noqa: ANN401 - scikit-learn has no types
    definition: ModelDefinition,
) -> tuple[Any, dict[str, WordRule]]:
    """Return an estimator that takes the words of its text features, and how to find these.

    Parameters
    ----------
    estimator
        Fitted. It is not changed.
    definition
        Says which features are texts.

    Raises
    ------
    BundleError
        If a vectorizer takes texts apart in a way that a bundle for ONNX cannot hold.
    """
    texts = {name for name, feature in definition.features.items() if feature.type == "text"}
    if not texts:
        return estimator, {}
    changed = copy.deepcopy(estimator)
    rules: dict[str, WordRule] = {}
    for transformer in _parts(changed, ColumnTransformer):
        # A voting ensemble keeps the estimators that it was made of, unfitted.
        for _, part, column in getattr(transformer, "transformers_", ()):
            if not isinstance(column, str) or column not in texts:
                continue
            for vectorizer in _parts(part, (CountVectorizer, HashingVectorizer)):
                rule = _rule_of(vectorizer, f"{definition.name}.features.{column}")
                if rules.setdefault(column, rule) != rule:
                    raise _unfit(
                        "two vectorizers take it apart in two ways", definition.name, column
                    )
                vectorizer.set_params(
                    lowercase=False,
                    strip_accents=None,
                    stop_words=None,
                    token_pattern=_WORDS_APART,
                )
    return changed, rules


def _rule_of(vectorizer: Any, where: str) -> WordRule:  # noqa: ANN401 - no types
    own = [
        name
        for name in ("preprocessor", "tokenizer")
        if getattr(vectorizer, name, None) is not None
    ]
    own += [] if vectorizer.analyzer == "word" else ["analyzer"]
    own += ["strip_accents"] if callable(vectorizer.strip_accents) else []
    model, _, column = where.partition(".features.")
    if own or isinstance(vectorizer, HashingVectorizer):
        what = f"its {', '.join(own)}" if own else type(vectorizer).__name__
        raise _unfit(f"ONNX cannot hold {what}", model, column)
    if any(" " in word for word in vectorizer.vocabulary_) and vectorizer.ngram_range == (1, 1):
        raise _unfit("its token_pattern finds words with a space in them", model, column)
    return WordRule(
        lowercase=vectorizer.lowercase,
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern,
        stop_words=tuple(sorted(vectorizer.get_stop_words() or ())),
    )


def _unfit(what: str, model: str, column: str) -> BundleError:
    return BundleError(
        what,
        where=f"{model}.features.{column}",
        fix="Use one TfidfVectorizer or CountVectorizer of words without functions of your own, or "
        'write serving = "sklearn" in model.toml.',
    )


def _parts(whole: Any, kinds: Any, seen: set[int] | None = None) -> Iterator[Any]:  # noqa: ANN401
    """Yield every part of an estimator that is one of these kinds, at any depth."""
    seen = set() if seen is None else seen
    if id(whole) in seen:
        return
    seen.add(id(whole))
    if isinstance(whole, kinds):
        yield whole
    inside: list[Any] = []
    if isinstance(whole, list | tuple):
        inside = list(whole)
    elif isinstance(whole, dict):
        inside = list(whole.values())
    elif hasattr(whole, "get_params"):
        inside = list(vars(whole).values())
    for part in inside:
        if isinstance(part, list | tuple | dict) or hasattr(part, "get_params"):
            yield from _parts(part, kinds, seen)

"""The vectorizers of texts that are tried, and the features of all pipelines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sklearn import decomposition, impute, linear_model, preprocessing
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NUMBERS = ["size", "count", "organic"]
CATEGORIES = ["colour"]


def _of_text(vectorizer: Any, estimator: Any) -> Pipeline:
    """Return an estimator behind a vectorizer, an imputer and a one-hot encoder."""
    one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    steps = [("impute", impute.SimpleImputer()), ("scale", preprocessing.StandardScaler())]
    columns = ColumnTransformer(
        [
            ("note", vectorizer, "note"),
            ("numbers", Pipeline(steps), NUMBERS),
            ("categories", one_hot, CATEGORIES),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", estimator)])


_VECTORIZERS: dict[str, Any] = {
    "TfidfVectorizer": TfidfVectorizer(),
    "TfidfVectorizer, words and pairs": TfidfVectorizer(ngram_range=(1, 2), max_features=200),
    "TfidfVectorizer, no accents": TfidfVectorizer(strip_accents="unicode"),
    "TfidfVectorizer, sublinear_tf": TfidfVectorizer(sublinear_tf=True),
    "TfidfVectorizer, characters": TfidfVectorizer(analyzer="char", ngram_range=(1, 3)),
    "CountVectorizer": CountVectorizer(binary=True),
    "HashingVectorizer": HashingVectorizer(n_features=64),
    "TfidfVectorizer, then TruncatedSVD": Pipeline(
        [("words", TfidfVectorizer()), ("fewer", decomposition.TruncatedSVD(4, random_state=0))]
    ),
}

OF_TEXTS: Mapping[str, Mapping[str, Callable[[], Any]]] = {
    "classification, vectorizer of a text before LogisticRegression": {
        name: partial(_of_text, item, linear_model.LogisticRegression(max_iter=500))
        for name, item in _VECTORIZERS.items()
    },
    "regression, vectorizer of a text before Ridge": {
        "TfidfVectorizer": partial(_of_text, TfidfVectorizer(), linear_model.Ridge()),
    },
}
"""Group to name to a function that gives the pipeline, as in ``PIPELINES``."""

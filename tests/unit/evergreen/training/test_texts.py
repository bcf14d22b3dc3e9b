"""Free text is vectorised by scikit-learn and served by ONNX with the same answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from evergreen.bundle.content import digest_of, pack, unpack
from evergreen.bundle.predictor import Predictor
from evergreen.bundle.served import accepted_categories, served_definition
from evergreen.errors import BundleError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import RequestReader
from evergreen.training.onnx_export import export_bundle

if TYPE_CHECKING:
    from evergreen.columns import Columns

WORDS = [
    "it's",
    "late",
    "again",
    "box",
    "broken",
    "großartig",
    "Straße",
    "naïve",
    "晴れ",
    "ÜBER",
    "refund",
    "2nd",
    "e-mail",
    "a",
]
VALUES: dict[str, Any] = {
    "name": "mail",
    "task": "classification",
    "target": "mood",
    "features": {"note": {"type": "text", "nullable": True}, "size": {"type": "float"}},
}


def columns() -> Columns:
    random = np.random.default_rng(1)
    notes = [" ".join(random.choice(WORDS, random.integers(1, 9))) for _ in range(400)]
    notes[::20] = [""] * 20
    size = random.normal(size=400).astype(np.float32)
    return {"note": np.array(notes, dtype=object), "size": size}


ROWS = columns()


def fitted(vectorizer: Any) -> Pipeline:
    parts = ColumnTransformer([("note", vectorizer, "note"), ("size", "passthrough", ["size"])])
    moods = np.array(["bad" if "broken" in note else "good" for note in ROWS["note"]])
    return make_pipeline(parts, LogisticRegression()).fit(pd.DataFrame(ROWS), moods)


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 2), strip_accents="unicode", min_df=2),
        CountVectorizer(stop_words="english", token_pattern=r"(?u)\b\w+\b"),
        make_pipeline(TfidfVectorizer(lowercase=False), TruncatedSVD(4, random_state=0)),
    ],
    ids=["tf-idf", "pairs of words", "counts", "a pipeline"],
)
def test_the_answers_are_those_of_scikit_learn(vectorizer: Any) -> None:
    model = fitted(vectorizer)
    definition = ModelDefinition.model_validate(VALUES)
    bundle = export_bundle(model, definition, ROWS, "1")
    assert bundle.signature.features[0].categories is None
    files = pack(bundle)
    predictor = Predictor(unpack(files, digest_of(files), "1"))
    unseen = {"note": np.array(["Über-BROKEN\tnaïve?", "", "新しい 言葉"], dtype=object)}
    for rows in (ROWS, {**unseen, "size": np.zeros(3, np.float32)}):
        scores = predictor.probabilities(rows)
        assert scores is not None
        assert np.abs(scores - model.predict_proba(pd.DataFrame(rows))).max() < 1e-5
    served = served_definition(definition, bundle.signature)
    reader = RequestReader(served, accepted_categories(served, bundle.signature))
    asked = [{"note": note or None, "size": 0.0} for note in unseen["note"]]
    request = reader.read(json.dumps({"instances": asked}).encode())
    assert request.columns["note"].tolist() == unseen["note"].tolist()
    as_csv = reader.read_csv('note,size\n"Über, again",0\n,1\n'.encode())
    assert as_csv.columns["note"].tolist() == ["Über, again", ""]


@pytest.mark.parametrize(
    ("vectorizer", "why"),
    [
        (TfidfVectorizer(analyzer="char"), "cannot hold its analyzer"),
        (TfidfVectorizer(tokenizer=str.split, token_pattern=None), "cannot hold its tokenizer"),
        (HashingVectorizer(n_features=32), "cannot hold HashingVectorizer"),
        (TfidfVectorizer(token_pattern=r"[a-z ]+"), "words with a space"),
        (TfidfVectorizer(sublinear_tf=True), "differ on"),
    ],
    ids=["characters", "own", "hashed", "spaces", "sublinear"],
)
def test_what_onnx_cannot_hold_is_refused_and_served_by_scikit_learn(
    vectorizer: Any, why: str
) -> None:
    model = fitted(vectorizer)
    with pytest.raises(BundleError, match=why) as refused:
        export_bundle(model, ModelDefinition.model_validate(VALUES), ROWS, "1")
    assert 'serving = "sklearn"' in str(refused.value)
    if why == "cannot hold its analyzer":
        definition = ModelDefinition.model_validate({**VALUES, "serving": "sklearn"})
        bundle = export_bundle(model, definition, ROWS, "1")
        assert Predictor(bundle).predict(ROWS).outputs == model.predict(pd.DataFrame(ROWS)).tolist()

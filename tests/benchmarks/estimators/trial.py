"""One trial: train a pipeline, export it, serve rows, and compare with scikit-learn."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evergreen.bundle.content import closed_categories
from evergreen.bundle.predictor import Predictor
from evergreen.bundle.served import served_definition
from evergreen.errors import BundleError, RequestError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import RequestReader
from evergreen.training.onnx_export import MAX_RELATIVE_ERROR, export_bundle

if TYPE_CHECKING:
    from evergreen.columns import Columns

TRAINED, SERVED = 500, 400
_COLOURS = ("red", "green", "blue", "rare")
_LONGEST = 110
_KNOWN = ("it's", "soft", "again", "bruised", "großartig", "naïve", "晴れ", "ÜBER", "2nd", "e-mail")
_WORDS = {1: _KNOWN, 2: (*_KNOWN, "Straße", "never", "seen")}


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome: served with what share of other answers, or refused for what reason.

    Parameters
    ----------
    served, different, reason
        By ONNX.
    instead
        What scikit-learn does with ``serving = "sklearn"``, where ONNX refuses.
    """

    served: bool
    different: float
    reason: str
    instead: Trial | None = None


def definition_for(task: str, serving: str = "onnx", *, texts: bool = False) -> ModelDefinition:
    """Return the definition of the rows: a number that may be missing, and one of each type."""
    more: dict[str, Any] = {"note": {"type": "text", "nullable": True}} if texts else {}
    return ModelDefinition.model_validate(
        {
            "name": "fruit",
            "task": task,
            "target": "ripe",
            "serving": serving,
            "features": {
                "size": {"type": "float", "nullable": True},
                "count": {"type": "integer", "min": 0, "max": 12},
                "organic": {"type": "boolean"},
                "colour": {"type": "category"},
                **more,
            },
        }
    )


@cache
def rows_for(seed: int, size: int, *, texts: bool = False) -> Columns:
    """Return rows; a tenth has no size, and of texts a tenth is empty."""
    random = np.random.default_rng(seed)
    sizes = random.normal(5, 2, size).round(2).astype(np.float32)
    sizes[random.random(size) < 0.1] = np.nan
    words: Any = random.choice(_WORDS[seed], (size, 6)) if texts else []
    notes = [" ".join(each[: random.integers(1, 7)]) for each in words]
    notes[::10] = [""] * len(notes[::10])
    return ({"note": np.array(notes, dtype=object)} if texts else {}) | {
        "size": sizes,
        "count": random.integers(0, 12, size).astype(np.float32),
        "organic": (random.random(size) < 0.4).astype(np.float32),
        "colour": random.choice(_COLOURS, size, p=[0.4, 0.3, 0.2, 0.1]).astype(object),
    }


def target_for(task: str, columns: Columns, *, numbered: bool = False) -> Any:
    """Return the target: two words or the classes 0 and 1, or a positive number."""
    noise = np.random.default_rng(9).normal(0, 0.5, columns["size"].size)
    value = np.nan_to_num(columns["size"], nan=4.0) + columns["count"] / 3 + noise
    value += np.where(columns["colour"] == "red", 2.0, 0.0)
    if "note" in columns:
        value += [2.0 * ("soft" in note) for note in columns["note"]]
    if numbered:
        return (value > 7.5).astype(np.int64)
    if task == "classification":
        return np.where(value > 7.5, "ripe", "unripe").astype(object)
    return np.maximum(value, 0.1)


def try_pipeline(group: str, model: Any) -> Trial:
    """Train on rows, export, and serve other rows, a tenth with an unseen category, as JSON."""
    task, numbered = group.split(",", maxsplit=1)[0], "classes 0 and 1" in group
    texts = "text" in group
    columns = rows_for(1, TRAINED, texts=texts)
    with warnings.catch_warnings(action="ignore"):
        model.fit(pd.DataFrame(columns), target_for(task, columns, numbered=numbered))
    found = _serve(task, model, "onnx", texts)
    return found if found.served else replace(found, instead=_serve(task, model, "sklearn", texts))


def _serve(task: str, model: Any, serving: str, texts: bool) -> Trial:
    columns = rows_for(1, TRAINED, texts=texts)
    definition = definition_for(task, serving, texts=texts)
    with warnings.catch_warnings(action="ignore"):
        try:
            bundle = export_bundle(model, definition, columns, "1")
        except BundleError as error:
            return Trial(served=False, different=0.0, reason=_short(error.what))
        rows = {name: values.copy() for name, values in rows_for(2, SERVED, texts=texts).items()}
        rows["colour"][::10] = "never seen"
        served = served_definition(definition, bundle.signature)
        reader = RequestReader(served, closed_categories(bundle.signature))
        own = sorted(bundle.trusted) if serving == "sklearn" else []
        note = f"serves, with `{'`, `'.join(own)}` in `trusted_types`" if own else "serves"
        try:
            request = reader.read(_body(rows))
        except RequestError as error:
            if not any("a category that the model takes" in each.message for each in error.fields):
                raise
            note = f"{note}; an unseen category is refused (422)"
            rows["colour"][::10] = "red"
            request = reader.read(_body(rows))
        found = np.asarray(Predictor(bundle).predict(request.columns).outputs)
        expected = np.asarray(model.predict(pd.DataFrame(rows))).ravel()
    if task == "classification":
        different = float(np.mean(found != expected))
    else:
        scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
        different = float(np.mean(~(np.abs(found - expected) <= MAX_RELATIVE_ERROR * scale)))
    return Trial(served=True, different=different, reason=note)


def _body(rows: Columns) -> bytes:
    records = pd.DataFrame(rows).astype({"organic": bool}).to_dict("records")
    for record in records:
        record["size"] = None if np.isnan(record["size"]) else float(record["size"])
        record["count"] = int(record["count"])
    return json.dumps({"instances": records}).encode()


def _short(text: str) -> str:
    line = " ".join(text.replace("|", "/").replace("<", "(").replace(">", ")").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"

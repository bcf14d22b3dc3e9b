"""The files of a drafted model: a commented `model.toml`, and `training.py` with a baseline."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from cli.shared.column_profiles import ColumnProfile
    from cli.shared.model_drafts import ModelDraft

_FEW_CATEGORIES = 30
_SHOWN, _SHOWN_LENGTH = 10, 40
"""Categories that a comment has, and the characters of each."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def definition_text(draft: ModelDraft) -> str:
    """Return the draft's ``model.toml``."""
    day = datetime.now(UTC).date()
    time = f"the time of a row is {draft.time}" if draft.time else "no row has a time"
    least = max(20, min(1000, draft.rows.num_rows // 4))
    lines = [
        f"# Written by `evergreen new-model` on {day} from {draft.source}; {time}.",
        f"name = {_text(draft.name)}",
        f"task = {_text(draft.task)}",
        f"target = {_text(draft.target)}",
        "",
        *_forecast_lines(draft),
        "[features] # in the order in which the model takes them",
        *(_feature_line(each, draft.rows) for each in draft.features),
    ]
    if draft.left_out:
        lines += ["", "# Left out:"]
        lines += [f"# {_comment(each.name)}: {_comment(each.why)}" for each in draft.left_out]
    lines += [
        "",
        "[evaluation]",
        f"metric = {_text('f1' if draft.task == 'classification' else 'rmse')}",
        f"min_labelled_rows = {least} # new labelled rows before a challenger is compared",
    ]
    if draft.time is None:
        lines.append('holdout = "random" # because no row has a time')
    lines += [
        "",
        "[drift]",
        'schedules = [{ every = "1 hour", window = "24 hours" }]',
        "min_rows = 200 # fewer rows in a window give no verdict",
        "",
        "[retraining]",
        'on = ["data_drift", "performance", "new_rows"]',
        "",
    ]
    return "\n".join(lines)


def _forecast_lines(draft: ModelDraft) -> list[str]:
    if draft.forecast is None:
        return []
    horizon, series = draft.forecast.horizon, draft.forecast.series
    ahead = _text(horizon) if isinstance(horizon, str) else str(horizon)
    return [
        "[forecast]",
        f"horizon = {ahead} # steps from the forecast to the time that it is about",
        f"seasonal_naive = {_text(draft.forecast.seasonal_naive)} # the baseline",
        *([f"series = {_text(series)} # tells the series of a row"] if series else []),
        "",
    ]


def _feature_line(profile: ColumnProfile, rows: pa.Table) -> str:
    kind = "timestamp" if profile.role == "moment" else profile.role
    parts = [f"type = {_text(kind)}"]
    if profile.derive:
        parts.append(f"derive = [{', '.join(map(_text, profile.derive))}]")
    if profile.role in {"float", "integer"} and profile.low is not None:
        parts += [f"min = {_plain(profile.low)}", f"max = {_plain(profile.high)}"]
    if profile.missing > 0:
        parts.append("nullable = true")
    about = [profile.why, f"{profile.distinct:,} distinct"]
    if profile.missing > 0:
        about.append(f"{profile.missing:.1%} missing")
    if profile.warning:
        about.append(profile.warning)
    if profile.role == "category":
        about.append(_categories(rows[profile.feature]))
    bare = _BARE_KEY.fullmatch(profile.feature)
    key = profile.feature if bare else _text(profile.feature)
    return f"{key} = {{ {', '.join(parts)} }} # {_comment(', '.join(about))}"


def _categories(values: pa.ChunkedArray) -> str:
    """Return some categories as a request writes them."""
    found = sorted(each for each in values.unique().to_pylist() if each is not None)
    # TOML has no delete character in a comment, and JSON leaves it as it is.
    told = [_text(each[:_SHOWN_LENGTH]).replace("\x7f", "") for each in found[:_SHOWN]]
    more = len(found) - len(told)
    return f"values {', '.join(told)}" + (f" and {more:,} more" if more else "")


def training_text(draft: ModelDraft) -> str:
    """Return the draft's ``training.py``: boosted trees, or for texts a linear model."""
    texts = [each.feature for each in draft.features if each.role == "text"]
    categories = [each for each in draft.features if each.role == "category"]
    few = [each.feature for each in categories if each.distinct <= _FEW_CATEGORIES]
    many = [each.feature for each in categories if each.distinct > _FEW_CATEGORIES]
    kind = "Classifier" if draft.task == "classification" else "Regressor"
    weights = 'class_weight="balanced", ' if _is_rare(draft) else ""
    if draft.forecast is not None and not isinstance(draft.forecast.horizon, str):
        words = _names([each.feature for each in categories])
        return _OF_SERIES.format(name=draft.name, words=words)
    if texts:
        linear = "LogisticRegression" if draft.task == "classification" else "Ridge"
        steps = weights + ("max_iter=1000" if draft.task == "classification" else "")
        return _OF_TEXTS.format(
            name=draft.name,
            texts=_names(texts),
            words=_names(few + many),
            linear=linear,
            settings=steps.removesuffix(", "),
        )
    return _TRAINING.format(
        name=draft.name, few=_names(few), many=_names(many), kind=kind, weights=weights
    )


def _names(names: list[str]) -> str:
    if not names:
        return "[]"
    return "[\n" + "".join(f"    {_text(name)},\n" for name in names) + "]"


def _is_rare(draft: ModelDraft) -> bool:
    """Return whether the rarest class has under a fifth of the rows: F1 then needs weights."""
    if draft.task != "classification":
        return False
    counts = draft.rows[draft.target].value_counts().field("counts").to_pylist()
    return bool(min(counts) < draft.rows.num_rows / 5)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    return " ".join(text.split())


def _plain(value: Any) -> str:  # noqa: ANN401 - a number or None
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


_TRAINING = '''"""Training of the model {name}: a baseline to improve on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoosting{kind}
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

if TYPE_CHECKING:
    import pandas as pd

FEW: list[str] = {few}
"""Categories with few values: one column for each value."""
MANY: list[str] = {many}
"""Categories with many values: one number for each."""


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted estimator.

    Parameters
    ----------
    features
        One row per example: numbers float32 with NaN for missing, categories object.
    target
        What to predict.
    """
    numbers = [name for name in features.columns if name not in {{*FEW, *MANY}}]
    few = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    many = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype="float32")
    columns = ColumnTransformer(
        [("numbers", "passthrough", numbers), ("few", few, FEW), ("many", many, MANY)]
    )
    # Boosted trees take missing values as they are, and need no scaling.
    trees = HistGradientBoosting{kind}({weights}random_state=0)
    return Pipeline([("columns", columns), ("trees", trees)]).fit(features, target)
'''

_OF_SERIES = '''"""Training of the model {name}: a baseline to improve on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES: list[str] = {words}
"""One column for each value."""


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted estimator.

    Parameters
    ----------
    features
        One row per forecast: numbers float32 with NaN for missing, categories object.
    target
        What came.
    """
    numbers = [name for name in features.columns if name not in CATEGORIES]
    scaled = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    columns = ColumnTransformer([("numbers", scaled, numbers), ("words", words, CATEGORIES)])
    # A linear model, because the level of a series moves and trees cannot extrapolate.
    return Pipeline([("columns", columns), ("ridge", Ridge(alpha=1.0))]).fit(features, target)
'''

_OF_TEXTS = '''"""Training of the model {name}: a baseline to improve on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import {linear}
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd

TEXTS: list[str] = {texts}
"""Free texts: one column for each of the most frequent words."""
CATEGORIES: list[str] = {words}
"""One column for each value."""


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted estimator.

    Parameters
    ----------
    features
        One row per example: numbers float32 with NaN for missing, categories and texts object.
    target
        What to predict.
    """
    numbers = [name for name in features.columns if name not in {{*TEXTS, *CATEGORIES}}]
    scaled = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    parts: list[tuple[str, Any, Any]] = [
        ("numbers", scaled, numbers),
        ("categories", OneHotEncoder(handle_unknown="ignore", dtype="float32"), CATEGORIES),
    ]
    # A vectorizer takes one column, by its name.
    parts += [(name, TfidfVectorizer(max_features=2000), name) for name in TEXTS]
    parts = [part for part in parts if part[2]]
    model = {linear}({settings})
    return Pipeline([("columns", ColumnTransformer(parts)), ("model", model)]).fit(features, target)
'''

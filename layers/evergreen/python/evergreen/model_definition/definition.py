"""The whole of ``model.toml``, and which of its sections fit each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from evergreen.model_definition.base import Name, Strict
from evergreen.model_definition.drift import Drift
from evergreen.model_definition.evaluation import (
    CLASS_METRICS,
    NUMBER_METRICS,
    PROBABILITY_METRICS,
    Evaluation,
    more_is_better,
)
from evergreen.model_definition.features import Feature
from evergreen.model_definition.forecast import Forecast
from evergreen.model_definition.ground_truth import GroundTruth
from evergreen.model_definition.moments import with_derived
from evergreen.model_definition.request_log import RequestLog
from evergreen.model_definition.retraining import Retraining
from evergreen.model_definition.rollback import Rollback
from evergreen.model_definition.shadow import Shadow

LOG_COLUMNS = frozenset(
    {
        *("timestamp", "request_id", "row", "model_version", "role", "model_output"),
        *("confidence", "input_data", "metadata", "label", "observed_at", "labelled_at", "split"),
    }
)
"""Columns of the request log and of what is made from it. No feature may have these names."""
PROBABILITIES = "probabilities"
"""A column of the request log where the metric scores probabilities: no feature's name there."""

UNFIT = re.compile(r'["\\\x00-\x1f]')
"""Characters that JSON escapes: the encoder of the request log takes no name with them."""

Task = Literal["classification", "regression", "time_series"]
Serving = Literal["onnx", "sklearn"]
Extra = Literal["refuse", "ignore"]


class ModelDefinition(Strict):
    """Everything Evergreen knows about a model before it has seen a row."""

    name: Name
    """Name of the model and of its folder: 1 to 40 lower-case letters, digits and underscores, a
    letter first. It is part of the API's paths and of the names of AWS resources."""
    task: Task
    """What the model does. It decides the metric, the form of an answer, and how rows are
    resampled when two models are compared."""
    target: str = Field(min_length=1)
    """Name of the column that the model predicts, in the data that it is trained on."""
    serving: Serving = "onnx"
    """What runs the model: ``onnx``, a conversion that a small function serves in a fraction of a
    millisecond; ``sklearn``, the estimator itself, kept by skops, in a larger function with
    scikit-learn, for what ONNX cannot hold. ``docs/estimators.md`` says what that is."""
    extra: Extra = "refuse"
    """What is done with columns of a request that are no features: ``refuse`` names them in an
    error; ``ignore`` passes over them, and the answer's ``warnings`` name them. A request may say
    it for itself: ``?extra=ignore``."""
    features: dict[str, Feature] = Field(min_length=1)
    """Inputs of the model by name, in the order in which the model takes them. A name may have any
    characters but double quotes, backslashes and control characters."""
    forecast: Forecast | None = None
    """What a time series is asked for; only for task ``time_series``."""
    ground_truth: GroundTruth = GroundTruth()
    """Which labels can be right."""
    evaluation: Evaluation = Evaluation()
    """How champion and challenger are compared."""
    shadow: Shadow = Shadow()
    """Whether and how a challenger scores live traffic before its promotion."""
    request_log: RequestLog = RequestLog()
    """How the request log is buffered and what is kept out of it."""
    drift: Drift = Drift()
    """When and how strictly drift is looked for."""
    retraining: Retraining = Retraining()
    """What starts a retraining, how often at most, on which rows and where."""
    rollback: Rollback = Rollback()
    """Whether production goes back by itself after a promotion."""

    _folder: Path | None = PrivateAttr(default=None)

    @property
    def metric(self) -> str:
        """The name of the metric that decides; F1 for classification and RMSE otherwise unless set.

        Of a function of the user's it is the function's name.
        """
        if own := self.evaluation.own_metric:
            return own[1]
        return self.evaluation.metric or ("f1" if self.task == "classification" else "rmse")

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value of the metric that decides is a better one."""
        declared = self.evaluation.greater_is_better
        return more_is_better(self.metric) if declared is None else declared

    @property
    def folder(self) -> Path | None:
        """The folder that it was read from, if its metric is a function that is in there."""
        return self._folder

    def found_in(self, folder: Path) -> ModelDefinition:
        """Return the definition with the folder that has the function of its metric."""
        if self.evaluation.own_metric is None:
            return self
        found = self.model_copy()
        found._folder = folder  # noqa: SLF001 - its own
        return found

    @property
    def log_columns(self) -> frozenset[str]:
        """Names that the request log has for itself, so that no feature may have them."""
        more = {PROBABILITIES} if self.evaluation.takes_probabilities else set()
        return LOG_COLUMNS | more

    @property
    def numeric_features(self) -> list[str]:
        """Names of the features the model sees as numbers, in input order."""
        return [name for name, feature in self.features.items() if feature.is_numeric]

    @property
    def category_features(self) -> list[str]:
        """Names of the features the model sees as texts, in input order."""
        return [name for name, feature in self.features.items() if not feature.is_numeric]

    @property
    def moments(self) -> dict[str, Feature]:
        """The ``timestamp`` features by name, which requests have and the model does not see."""
        found: dict[str, list[Feature]] = {}
        for feature in self.features.values():
            if feature.derived_from is not None:
                found.setdefault(feature.derived_from, []).append(feature)
        return {
            name: Feature(
                type="timestamp",
                nullable=parts[0].nullable,
                derive=tuple(part.derivation for part in parts if part.derivation is not None),
            )
            for name, parts in found.items()
        }

    @property
    def step_features(self) -> list[str]:
        """Names of the features that tell the series of a row and its steps ahead, if any do."""
        if self.forecast is None:
            return []
        named = (self.forecast.series, self.forecast.horizon)
        return [name for name in named if isinstance(name, str) and name in self.features]

    @property
    def longest_horizon(self) -> int:
        """The most steps ahead that a row of a time series may be; 1 of other tasks."""
        if self.forecast is None:
            return 1
        if isinstance(self.forecast.horizon, int):
            return self.forecast.horizon
        ahead = self.features.get(self.forecast.horizon)
        return 1 if ahead is None or ahead.max is None else int(ahead.max)

    @property
    def inputs(self) -> dict[str, Feature]:
        """What a request has, in order: the features, and moments for what is derived from them."""
        moments = self.moments
        names = (feature.derived_from or name for name, feature in self.features.items())
        return {name: moments.get(name) or self.features[name] for name in dict.fromkeys(names)}

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, content: Any) -> Any:  # noqa: ANN401 - whatever is to be validated
        return with_derived(content)

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelDefinition:
        if self.target in self.features:
            raise ValueError(f"target {self.target!r} is also listed under features")
        unfit = [name for name in self.features if not name or UNFIT.search(name)]
        if unfit:
            raise ValueError(
                f"{unfit} cannot be names of features: a name is not empty and has no double "
                "quote, backslash or control character"
            )
        taken = sorted(self.log_columns & {*self.features, *self.moments, self.target})
        if taken:
            raise ValueError(f"{taken} are columns of the request log; choose other names")
        self._renames_fit()
        known = {*self.features, *self.moments}
        unknown = [name for name in self.request_log.redact if name not in known]
        if unknown:
            raise ValueError(f"request_log.redact names features that do not exist: {unknown}")
        self._segments_fit()
        if (self.task == "time_series") != (self.forecast is not None):
            raise ValueError("[forecast] belongs to task 'time_series', which cannot do without")
        self._forecast_fits()
        classification = self.task == "classification"
        self._evaluation_fits()
        if self.retraining.by == "import":
            self._import_fits()
        truth = self.ground_truth
        if not classification and truth.classes is not None:
            raise ValueError(f"ground_truth.classes does not fit task {self.task!r}")
        if classification and (truth.min is not None or truth.max is not None):
            raise ValueError("ground_truth.min and max do not fit task 'classification'")
        return self

    def _forecast_fits(self) -> None:
        if self.forecast is None:
            return
        if fault := self.forecast.fault(self.features):
            raise ValueError(fault)
        if hidden := sorted({*self.step_features} & {*self.request_log.redact}):
            raise ValueError(
                f"request_log.redact keeps {hidden} out of the log, which tells the series and the "
                "steps of a row"
            )

    def _renames_fit(self) -> None:
        before = [each.renamed_from for each in self.features.values() if each.renamed_from]
        twice = sorted({name for name in before if name in self.features or before.count(name) > 1})
        if twice:
            raise ValueError(f"renamed_from names {twice}, which is a feature, or names it twice")
        if taken := sorted(self.log_columns & {*before}):
            raise ValueError(f"renamed_from names {taken}, which are columns of the request log")

    def _import_fits(self) -> None:
        if self.serving != "onnx":
            raise ValueError("retraining.by 'import' takes ONNX files: serving must be 'onnx'")
        if self.evaluation.threshold == "tuned":
            raise ValueError("a threshold is tuned by training; with retraining.by 'import' set it")

    def _evaluation_fits(self) -> None:
        classification = self.task == "classification"
        fitting = (*CLASS_METRICS, *PROBABILITY_METRICS) if classification else NUMBER_METRICS
        own = self.evaluation.own_metric is not None
        if self.metric not in fitting and not own:
            raise ValueError(
                f"evaluation.metric {self.metric!r} does not fit task {self.task!r} "
                f"(allowed: {', '.join(fitting)}, training:FUNCTION)"
            )
        if self.evaluation.metric_input == "probabilities" and not classification:
            raise ValueError(f"evaluation.metric_input does not fit task {self.task!r}")
        for key in ("positive", "threshold"):
            if getattr(self.evaluation, key) is not None and not classification:
                raise ValueError(f"evaluation.{key} does not fit task {self.task!r}")
        if self.evaluation.interval is not None and classification:
            raise ValueError(
                "evaluation.interval does not fit task 'classification': use the probabilities"
            )

    def _segments_fit(self) -> None:
        segments = self.evaluation.segments
        unknown = [name for name in segments if name not in self.features]
        if unknown:
            raise ValueError(
                f"evaluation.segments names features that do not exist: {unknown} "
                f"(allowed: {', '.join(self.features)})"
            )
        texts = [name for name in segments if self.features[name].type == "text"]
        if texts:
            raise ValueError(f"evaluation.segments names {texts}: a text is no segment")
        hidden = sorted(set(segments) & set(self.request_log.redact))
        if hidden:
            raise ValueError(
                f"evaluation.segments names {hidden}, which request_log.redact keeps out of the "
                "log: the rows to compare on would not have them"
            )
        if len(set(segments)) < len(segments):
            raise ValueError("evaluation.segments names a feature twice")

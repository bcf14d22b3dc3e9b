"""A model as its user defines it: ``models/<name>/model.toml``, validated."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from evergreen.clock import parse_period
from evergreen.errors import ModelDefinitionError, UnknownModelError

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION_FILE = "model.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_LOG_COLUMNS = frozenset(
    {
        *("timestamp", "request_id", "row", "model_version", "role", "model_output"),
        *("confidence", "input_data", "metadata", "label", "observed_at", "labelled_at", "split"),
    }
)

_MOMENTS = ("datetime", "date", "time", "timestamp")

Task = Literal["classification", "regression", "time_series"]


def _period(value: object) -> object:
    return parse_period(value) if isinstance(value, str) else value


def _no_moment(value: object) -> object:
    if value in _MOMENTS:
        raise ValueError(
            f"{value!r} is no type of feature: send what a model learns from a moment, such as the "
            "weekday or the minute of the day as an integer, or the hours since as a float"
        )
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("use 1 to 40 lower-case letters, digits and underscores, a letter first")
    return value


Period = Annotated[timedelta, BeforeValidator(_period)]
Name = Annotated[str, AfterValidator(_name)]
FeatureType = Annotated[
    Literal["float", "integer", "boolean", "category"], BeforeValidator(_no_moment)
]


class Strict(BaseModel):
    """Base of all definitions: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(Strict):
    """One input of the model.

    ``min`` and ``max`` describe the range seen as plausible; a value outside is counted as a
    data-quality finding and still predicted. A missing value is an error unless ``nullable``.
    """

    type: FeatureType
    nullable: bool = False
    min: float | None = None
    max: float | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether the model sees the feature as a number (booleans are 0 and 1)."""
        return self.type != "category"

    @model_validator(mode="after")
    def _range_fits(self) -> Feature:
        if self.type in {"boolean", "category"} and not (self.min is None and self.max is None):
            raise ValueError(f"min and max have no meaning for a {self.type} feature")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        return self


class Forecast(Strict):
    """What a time series is asked for.

    A time series is served and stored row by row like any other task: each row is one forecast,
    and the caller sends past values (lags) and calendar as features. There is one row per step.
    """

    horizon: int = Field(ge=1)
    """Steps from making a forecast to the moment it is about."""
    seasonal_naive: str
    """The feature that holds the value one season before that moment: the baseline of MASE."""


class Evaluation(Strict):
    """How champion and challenger are compared."""

    metric: Literal["f1", "rmse"] | None = None
    min_improvement: float = Field(default=0.0, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    holdout: Literal["recent", "random"] = "recent"
    holdout_fraction: float = Field(default=0.5, gt=0, lt=1)
    max_holdout_rows: int = Field(default=10_000, ge=20)
    """However many new rows there are, no more are held out: the longer nothing was promoted, the
    further back half of them reaches, and from what is held out no challenger learns."""
    min_labelled_rows: int = Field(default=1000, ge=20)
    segments: tuple[str, ...] = ()
    """Features whose values (numbers: quarters) are parts of the traffic that a challenger must not
    do worse on; see :mod:`evergreen.evaluation.segments`."""
    max_segment_regression: float = Field(default=0.05, ge=0)
    """How much worse it may be in one: F1 in points (0.05: from .50 to .45), RMSE as a share of
    the champion's there (0.05: from 10 to 10.5)."""
    min_segment_rows: int = Field(default=100, ge=20)
    """Parts with fewer rows of the holdout are shown and decide nothing."""


class Shadow(Strict):
    """Whether and how a challenger that won on the holdout first scores live traffic."""

    min_predictions: int = Field(default=0, ge=0)
    """Rows it is to be judged on; 0 for no shadow stage."""
    max_wait: Period = timedelta(days=1)
    """When it is judged on what there is by then."""
    budget_ms: float = Field(default=50.0, gt=0, le=1000)
    budget_ratio: float = Field(default=2.0, ge=0, le=10)
    """An answer waits for it at most ``budget_ms`` milliseconds or, if that is more, this many
    times what the champion took."""
    max_error_share: float = Field(default=0.01, ge=0, lt=1)
    """Refused if more of its rows than this were not scored, or not within the budget."""


class RequestLog(Strict):
    """How the request log is buffered and what is kept out of it."""

    flush_records: int = Field(default=5000, ge=1)
    flush_seconds: int = Field(default=60, ge=0, le=900)
    redact: tuple[str, ...] = ()


class Schedule(Strict):
    """One drift check that recurs: every how long, over how long a window.

    A model may have any number: every six hours on the last six hours, every hour on a window of
    six hours that slides, once a day on the day. Each is judged by itself; see
    :attr:`Retraining.consecutive` for windows that overlap.
    """

    every: Period
    window: Period


class Drift(Strict):
    """When and how strictly drift is looked for."""

    schedules: tuple[Schedule, ...] = (
        Schedule(every=timedelta(hours=1), window=timedelta(hours=24)),
    )
    min_rows: int = Field(default=200, ge=20)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)


class Retraining(Strict):
    """What starts a retraining, how often at most, and where it is computed."""

    on: tuple[Literal["data_drift", "performance"], ...] = ("data_drift",)
    cooldown: Period = timedelta(hours=6)
    consecutive: int = Field(default=1, ge=1)
    """Windows in a row that must raise the alarm. They share no rows: of a window that slides
    over itself, every check must raise it too, but those in between do not count."""
    refill: Period | None = None
    """How often one retraining is earned; without it they are not counted. Seasons move a model's
    inputs all the time: what is saved in quiet times is there when the world really changes."""
    burst: int = Field(default=2, ge=1)
    """How many retrainings can be saved up; a model begins with as many."""
    training_window_rows: int = Field(default=200_000, ge=100)
    min_training_rows: int = Field(default=400, ge=100)
    """Where older rows do harm, training looks less far back, but never at fewer rows than these;
    as many as ``training_window_rows``, and it always takes them all."""
    label_wait: Period = timedelta(days=30)
    """How long after its prediction a row's ground truth may still come in and be used."""
    recency_half_life: Period | None = None
    """With it, a row this much older than the newest counts half as much in training; the model's
    ``train`` then takes ``sample_weight``. Without it, all rows count the same."""
    every: Period | None = None
    """Retrain on a schedule too, whatever the verdicts say."""
    compute: Literal["lambda", "sagemaker"] = "lambda"
    """Where the challenger is fitted: in a function (15 minutes, 3 GB), or as a training job."""
    instance_type: str = Field(default="ml.m5.xlarge", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")
    """What a training job runs on."""
    time_limit: Period = timedelta(hours=4)
    """When a training job is stopped."""


class Rollback(Strict):
    """Whether production goes back by itself, and for how long after a promotion."""

    automatic: bool = True
    watch: Period = timedelta(hours=1)
    """How long after a promotion an alarm on errors or on loading the model takes it back."""


class ModelDefinition(Strict):
    """Everything Evergreen knows about a model before it has seen a row."""

    name: Name
    task: Task
    target: str = Field(min_length=1)
    features: dict[str, Feature] = Field(min_length=1)
    forecast: Forecast | None = None
    evaluation: Evaluation = Evaluation()
    shadow: Shadow = Shadow()
    request_log: RequestLog = RequestLog()
    drift: Drift = Drift()
    retraining: Retraining = Retraining()
    rollback: Rollback = Rollback()

    @property
    def metric(self) -> Literal["f1", "rmse"]:
        """The metric that decides; F1 for classification and RMSE otherwise unless set."""
        return self.evaluation.metric or ("f1" if self.task == "classification" else "rmse")

    @property
    def numeric_features(self) -> list[str]:
        """Names of the features the model sees as numbers, in input order."""
        return [name for name, feature in self.features.items() if feature.is_numeric]

    @property
    def category_features(self) -> list[str]:
        """Names of the category features, in input order."""
        return [name for name, feature in self.features.items() if not feature.is_numeric]

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelDefinition:
        if self.target in self.features:
            raise ValueError(f"target {self.target!r} is also listed under features")
        taken = sorted(_LOG_COLUMNS & {*self.features, self.target})
        if taken:
            raise ValueError(f"{taken} are columns of the request log; choose other names")
        unknown = [name for name in self.request_log.redact if name not in self.features]
        if unknown:
            raise ValueError(f"request_log.redact names features that do not exist: {unknown}")
        self._segments_fit()
        if (self.task == "time_series") != (self.forecast is not None):
            raise ValueError("[forecast] belongs to task 'time_series', which cannot do without")
        naive = self.forecast and self.forecast.seasonal_naive
        if naive and (naive not in self.features or not self.features[naive].is_numeric):
            raise ValueError(f"forecast.seasonal_naive {naive!r} is not a numeric feature")
        classification = self.task == "classification"
        if self.evaluation.metric and classification != (self.evaluation.metric == "f1"):
            raise ValueError(f"evaluation.metric {self.metric!r} does not fit task {self.task!r}")
        return self

    def _segments_fit(self) -> None:
        segments = self.evaluation.segments
        unknown = [name for name in segments if name not in self.features]
        if unknown:
            raise ValueError(
                f"evaluation.segments names features that do not exist: {unknown} "
                f"(allowed: {', '.join(self.features)})"
            )
        hidden = sorted(set(segments) & set(self.request_log.redact))
        if hidden:
            raise ValueError(
                f"evaluation.segments names {hidden}, which request_log.redact keeps out of the "
                "log: the rows to compare on would not have them"
            )
        if len(set(segments)) < len(segments):
            raise ValueError("evaluation.segments names a feature twice")


def load_definition(folder: Path) -> ModelDefinition:
    """Read and validate ``folder/model.toml``.

    Raises
    ------
    ModelDefinitionError
        Naming the file, each wrong key, and what is allowed there.
    """
    file = folder / DEFINITION_FILE
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelDefinitionError("file not found", where=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelDefinitionError(f"not valid TOML: {error}", where=str(file)) from error
    try:
        definition = ModelDefinition.model_validate(content)
    except ValidationError as error:
        raise ModelDefinitionError(_explain(error), where=str(file)) from error
    if definition.name != folder.name:
        raise ModelDefinitionError(
            f"name is {definition.name!r} but the folder is {folder.name!r}",
            where=str(file),
            fix="Give both the same name.",
        )
    return definition


def load_definitions(models: Path) -> dict[str, ModelDefinition]:
    """Read every model folder below ``models``, by name, in alphabetical order.

    Raises
    ------
    ModelDefinitionError
        If a folder's definition is not valid.
    """
    folders = sorted(file.parent for file in models.glob(f"*/{DEFINITION_FILE}"))
    return {folder.name: load_definition(folder) for folder in folders}


def find_definition(models: Path, name: str) -> ModelDefinition:
    """Read one model's definition; ``name`` is matched, never used as a path.

    Raises
    ------
    UnknownModelError
        If there is no such model; the message lists those there are.
    """
    definitions = load_definitions(models)
    if name not in definitions:
        raise UnknownModelError(
            f"no model is called {name!r}", fix=f"Known models: {', '.join(definitions) or 'none'}."
        )
    return definitions[name]


def _explain(error: ValidationError) -> str:
    problems = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"]) or "(file)"
        allowed = detail.get("ctx", {}).get("expected")
        hint = f" (allowed: {allowed})" if allowed and allowed not in detail["msg"] else ""
        problems.append(f"{key}: {detail['msg']}{hint}")
    return "; ".join(problems)

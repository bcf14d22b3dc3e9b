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

Task = Literal["classification", "regression", "time_series"]


def _period(value: object) -> object:
    return parse_period(value) if isinstance(value, str) else value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("use 1 to 40 lower-case letters, digits and underscores, a letter first")
    return value


Period = Annotated[timedelta, BeforeValidator(_period)]
Name = Annotated[str, AfterValidator(_name)]


class Strict(BaseModel):
    """Base of all definitions: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(Strict):
    """One input of the model.

    ``min`` and ``max`` describe the range seen as plausible; a value outside is counted as a
    data-quality finding and still predicted. A missing value is an error unless ``nullable``.
    """

    type: Literal["float", "integer", "boolean", "category"]
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
    min_labelled_rows: int = Field(default=1000, ge=20)


class RequestLog(Strict):
    """How the request log is buffered and what is kept out of it."""

    flush_records: int = Field(default=5000, ge=1)
    flush_seconds: int = Field(default=60, ge=0, le=900)
    redact: tuple[str, ...] = ()


class Schedule(Strict):
    """One drift check that recurs: every how long, over how long a window."""

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
    """Which verdicts start a retraining, and how often at most."""

    on: tuple[Literal["data_drift", "performance"], ...] = ("data_drift",)
    cooldown: Period = timedelta(hours=6)
    consecutive: int = Field(default=1, ge=1)
    training_window_rows: int = Field(default=200_000, ge=100)
    label_wait: Period = timedelta(days=30)
    """How long after its prediction a row's ground truth may still come in and be used."""


class ModelDefinition(Strict):
    """Everything Evergreen knows about a model before it has seen a row."""

    name: Name
    task: Task
    target: str = Field(min_length=1)
    features: dict[str, Feature] = Field(min_length=1)
    forecast: Forecast | None = None
    evaluation: Evaluation = Evaluation()
    request_log: RequestLog = RequestLog()
    drift: Drift = Drift()
    retraining: Retraining = Retraining()

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
        if (self.task == "time_series") != (self.forecast is not None):
            raise ValueError("[forecast] belongs to task 'time_series', which cannot do without")
        naive = self.forecast and self.forecast.seasonal_naive
        if naive and (naive not in self.features or not self.features[naive].is_numeric):
            raise ValueError(f"forecast.seasonal_naive {naive!r} is not a numeric feature")
        classification = self.task == "classification"
        if self.evaluation.metric and classification != (self.evaluation.metric == "f1"):
            raise ValueError(f"evaluation.metric {self.metric!r} does not fit task {self.task!r}")
        return self


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

"""Model definition: everything Evergreen knows about a model before it has seen a row.

In: ``models/<name>/model.toml``, which the user writes. Out: a :class:`ModelDefinition`, or an
error that names the file, each wrong key and what is allowed there. One module holds one section
of the file. Every other package, the functions, the CDK app and the command line read definitions
from here, so importing this package loads nothing but pydantic.
"""

from __future__ import annotations

from evergreen.model_definition.base import Name, Period, Strict
from evergreen.model_definition.definition import LOG_COLUMNS, ModelDefinition, Serving, Task
from evergreen.model_definition.drift import Drift, Schedule
from evergreen.model_definition.evaluation import Evaluation, more_is_better
from evergreen.model_definition.features import Feature, FeatureType
from evergreen.model_definition.forecast import Forecast
from evergreen.model_definition.ground_truth import GroundTruth
from evergreen.model_definition.loading import (
    DEFINITION_FILE,
    find_definition,
    load_definition,
    load_definitions,
    load_valid_definitions,
)
from evergreen.model_definition.moments import Derivation
from evergreen.model_definition.request_log import RequestLog
from evergreen.model_definition.retraining import Retraining
from evergreen.model_definition.rollback import Rollback
from evergreen.model_definition.shadow import Shadow

__all__ = [
    "DEFINITION_FILE",
    "LOG_COLUMNS",
    "Derivation",
    "Drift",
    "Evaluation",
    "Feature",
    "FeatureType",
    "Forecast",
    "GroundTruth",
    "ModelDefinition",
    "Name",
    "Period",
    "RequestLog",
    "Retraining",
    "Rollback",
    "Schedule",
    "Serving",
    "Shadow",
    "Strict",
    "Task",
    "find_definition",
    "load_definition",
    "load_definitions",
    "load_valid_definitions",
    "more_is_better",
]

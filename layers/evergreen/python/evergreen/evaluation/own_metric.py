"""A metric of the user's: a function in a file of the model's folder, such as ``training.py``."""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError, ModelDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition


def load_own_metric(definition: ModelDefinition) -> Callable[[Any, Any], float] | None:
    """Return the function that ``evaluation.metric`` names, or None if it names none.

    The function takes two arrays of n ground truths and n answers, and its result is checked.

    Raises
    ------
    ModelDefinitionError
        If the file or the function is missing, or the file cannot be imported here.
    """
    own = definition.evaluation.own_metric
    if own is None:
        return None
    if definition.folder is None:
        raise ModelDefinitionError(
            "its metric is a function, and its folder is not known", where=definition.name
        )
    return _load(definition.folder, *own)


@cache
def _load(folder: Path, stem: str, name: str) -> Callable[[Any, Any], float]:
    file = folder / f"{stem}.py"
    asked = f"evaluation.metric asks for the function {name}"
    if not file.is_file():
        raise ModelDefinitionError(f"file not found, and {asked}", where=str(file))
    spec = importlib.util.spec_from_file_location(f"evergreen_metric_{folder.name}_{stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        raise ModelDefinitionError(
            f"cannot be imported, and {asked}: {type(error).__name__}: {error}",
            where=str(file),
            fix="The drift check calls it too, in an image with scikit-learn and pandas, without "
            "boosted trees. If this file needs more, put the function into one of its own, such "
            f'as metrics.py, and write metric = "metrics:{name}".',
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ModelDefinitionError(
            f"has no function {name}(ground_truth, answers)",
            where=str(file),
            fix="evaluation.metric names it.",
        )

    def checked(ground_truth: NDArray[Any], answers: NDArray[Any]) -> float:
        try:
            value = float(function(ground_truth, answers))
        except Exception as error:  # whatever the user's function raises
            raise EvergreenError(
                f"{name} failed on {len(answers)} rows: {type(error).__name__}: {error}",
                where=str(file),
            ) from error
        if not math.isfinite(value):
            raise EvergreenError(
                f"{name} gave {value} for {len(answers)} rows",
                where=str(file),
                fix="It must give a finite number for any rows, also those of one class.",
            )
        return value

    return checked

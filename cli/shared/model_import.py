"""The trial of an ONNX file on this machine: what it answers, and how good its answers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.shared.model_check import serve
from cli.shared.naive_answers import naive_score
from cli.shared.training_file import read_column, read_training_file
from evergreen.datasets.schema import normalise
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.evaluation.scoring import classes_of, ground_truth_of, score_predictions
from evergreen.training.foreign.trial import import_onnx, require_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition
    from evergreen.training.foreign.trial import ImportedModel

_SERVED_ROWS = 20


@dataclass(frozen=True, slots=True)
class TriedModel:
    """A file that fits, and what it was tried on.

    Parameters
    ----------
    imported
        Its bundle.
    rows
        The rows with their split.
    score, naive
        Its metric on the holdout, and that of the best answer that knows no feature.
    naive_answer
        What that answer is.
    held_out
        Number of held-out rows.
    classes
        The classes of its answers; none for numbers.
    notes
        What a person should look at.
    """

    imported: ImportedModel
    rows: pa.Table
    score: float
    naive: float
    naive_answer: str
    held_out: int
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def try_model(
    definition: ModelDefinition,
    file: Path,
    data: Path,
    say: Callable[[str], None],
    *,
    classes: Sequence[str] | None = None,
    expected: str | None = None,
) -> TriedModel:
    """Make the bundle of a file, and try it on labelled rows.

    Parameters
    ----------
    definition
        The model.
    file
        The ONNX file.
    data
        Labelled rows.
    say
        Called with a short text about the current work.
    classes
        The classes in the model's order.
    expected
        The column of ``data`` with the predictions to get.

    Raises
    ------
    EvergreenError
        At the first thing that does not fit; it names the file, the place and the fix.
    """
    say(f"reading {data.name}")
    raw = read_training_file(definition, data)
    rows = normalise(definition, split_rows(definition, raw))
    say(f"predicting {rows.num_rows:,} rows")
    imported = import_onnx(file, definition, rows, classes=classes)
    if expected is not None:
        said = read_column(definition, data, expected)
        require_expected(imported.bundles.judged, definition, raw, said)
    bundle = imported.bundles.judged
    training, holdout = rows_of(rows, TRAIN), rows_of(rows, HOLDOUT)
    say(f"serving {_SERVED_ROWS} rows")
    serve(definition, bundle, holdout.slice(0, _SERVED_ROWS))
    truth = ground_truth_of(definition, holdout)
    known = classes_of(truth, bundle)
    scored = score_predictions(definition, bundle, holdout, truth, known, training)
    naive, answer = naive_score(definition, training, truth, known, holdout)
    gain = scored.metric - naive
    notes = [*imported.notes]
    if not (gain > 0 if definition.more_is_better else gain < 0):
        notes.append(
            f"! It is no better than {answer}. Is the order of the features in model.toml that of "
            "its training, and the order of the classes?"
        )
    return TriedModel(
        imported=imported,
        rows=rows,
        score=scored.metric,
        naive=naive,
        naive_answer=answer,
        held_out=holdout.num_rows,
        classes=bundle.signature.classes or (),
        notes=tuple(notes),
    )

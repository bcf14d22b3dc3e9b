"""Drafts of models: what a file of labelled rows says about a model of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from cli.shared.column_profiles import CONSTANT, UNIQUE, ColumnProfile, StrangersFile
from cli.shared.column_sql import moment_of, quoted
from evergreen.errors import EvergreenError
from evergreen.model_definition import LOG_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

MIN_ROWS = 100
MAX_ROWS_USED = 200_000
"""The newest rows that the prepared file has: as many as a training takes by default."""
_MOST_CLASSES = 20

DraftTask = Literal["classification", "regression", "time_series"]


@dataclass(frozen=True, slots=True)
class DraftForecast:
    """The section ``[forecast]`` of a drafted time series."""

    horizon: int | str
    seasonal_naive: str
    series: str | None


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """A model as the columns of a file suggest it.

    Parameters
    ----------
    name, task, target
        As in ``model.toml``.
    source
        Name of the file.
    time
        The column that gives the time of a row, or None.
    features, left_out
        What becomes of the columns.
    rows
        The prepared rows: the features, the target and ``timestamp``, oldest first.
    notes
        What was decided about target, time and rows.
    forecast
        What a time series is asked for.
    """

    name: str
    task: DraftTask
    target: str
    source: str
    time: str | None
    features: tuple[ColumnProfile, ...]
    left_out: tuple[ColumnProfile, ...]
    rows: pa.Table
    notes: tuple[str, ...]
    forecast: DraftForecast | None = None

    @property
    def classes(self) -> int:
        """How many classes the target has, 0 for numbers."""
        if self.task != "classification":
            return 0
        return int(pc.count_distinct(self.rows[self.target]).as_py())


def draft_model(
    name: str, path: Path, target: str, time: str | None, task: DraftTask | None
) -> ModelDraft:
    """Read a file and decide what a model of it is.

    Parameters
    ----------
    name
        The model's name.
    path
        CSV or Parquet; see :class:`cli.shared.column_profiles.StrangersFile`.
    target
        The column to predict.
    time
        The column with the time of a row, or None to look for one.
    task
        The task, or None to decide by the target.

    Raises
    ------
    EvergreenError
        If there is no model in it; the message says what to change.
    """
    file = StrangersFile(path)
    file.require(target, "--target")
    if time is not None:
        file.require(time, "--time")
    profiles = {column: file.profile(column) for column in file.columns}
    notes: list[str] = []
    if time is None:
        moments = [each.name for each in profiles.values() if each.role == "moment"]
        time = moments[0] if len(moments) == 1 and moments[0] != target else None
        if time:
            notes.append(f"time of a row: {time}, the only column of timestamps")
        notes += [
            f"{each.name} has the same time in every row, so it cannot order them"
            for each in profiles.values()
            if each.why == CONSTANT and file.has_moments(each.name)
        ]
    goal, task, label = _target(profiles[target], file, task, notes)
    others = [profile for column, profile in profiles.items() if column not in {target, time}]
    features = tuple(each for each in others if each.role != "left out")
    if not features:
        reasons = "; ".join(f"{each.name}: {each.why}" for each in others) or "no other column"
        raise EvergreenError(f"no column can be a feature ({reasons})", where=str(path))
    renamed = [each for each in features if each.feature != each.name]
    notes += [f"the feature of the column {each.name} is {each.feature}" for each in renamed]
    rows = _prepared(file, features, (goal, label), time, notes)
    return ModelDraft(
        name=name,
        task=task,
        target=goal,
        source=path.name,
        time=time,
        features=features,
        left_out=tuple(each for each in others if each not in features),
        rows=rows,
        notes=tuple(notes),
    )


def _target(
    profile: ColumnProfile, file: StrangersFile, task: DraftTask | None, notes: list[str]
) -> tuple[str, DraftTask, str]:
    """Return the target's name, the task, and the SQL of a label."""
    where = f"{file.path}: {profile.name}"
    if profile.distinct < 2:
        raise EvergreenError(
            "the target has one value at most, so there is nothing to learn",
            where=where,
            fix="Give --target a column whose values differ.",
        )
    if profile.why == UNIQUE:  # an id as a feature, but a target may well differ in every row
        profile = replace(profile, role="integer", why="numbers")
    number = profile.role in {"float", "integer"}
    if task is None:
        few = profile.role != "float" and profile.distinct <= _MOST_CLASSES
        task = "classification" if few or not number else "regression"
        why = f"{profile.distinct:,} distinct values"
        notes.append(f"task: {task}, because {profile.name} has {why} ({profile.why})")
    if task == "regression" and profile.role not in {"float", "integer"}:
        raise EvergreenError(
            f"a regression predicts numbers, and the target is {profile.why}",
            where=where,
            fix="Use --task classification, or another --target.",
        )
    if task == "classification" and profile.role in {"moment", "left out", "float", "text"}:
        raise EvergreenError(
            f"these are no classes: {profile.why}, {profile.distinct:,} distinct values",
            where=where,
            fix="Use --task regression for numbers, or another --target.",
        )
    label = profile.value
    if task == "classification":
        kind = {"boolean": "BOOLEAN", "integer": "BIGINT"}.get(profile.role, "VARCHAR")
        label = f"CAST({label} AS {kind})"
    name = f"{profile.name}_value" if profile.name in LOG_COLUMNS else profile.name
    if name != profile.name:
        notes.append(f"{profile.name} is a column of the request log; the target is {name}")
    return name, task, label


def _prepared(
    file: StrangersFile,
    features: tuple[ColumnProfile, ...],
    target: tuple[str, str],
    time: str | None,
    notes: list[str],
) -> pa.Table:
    name, label = target
    moment = moment_of(time) if time else "TIMESTAMP '2000-01-01' + to_minutes(rowid)"
    values = ", ".join(f"{each.value} AS {quoted(each.feature)}" for each in features)
    # The names are quoted, and the file is the user's own.
    found: pa.Table = file.table(
        f"""SELECT {values}, {label} AS {quoted(name)}, {moment} AS timestamp FROM raw
        WHERE ({label}) IS NOT NULL AND ({moment}) IS NOT NULL
        ORDER BY timestamp DESC LIMIT {MAX_ROWS_USED}"""  # noqa: S608 - see above
    )
    lost = min(file.rows, MAX_ROWS_USED) - found.num_rows
    if lost:
        notes.append(f"{lost:,} of {file.rows:,} rows are left out: no target, or no time")
    if file.rows > MAX_ROWS_USED:
        notes.append(f"the newest {MAX_ROWS_USED:,} of {file.rows:,} rows are used")
    if found.num_rows < MIN_ROWS:
        raise EvergreenError(
            f"{found.num_rows} rows have a target{' and a time' if time else ''}; "
            f"at least {MIN_ROWS} are needed",
            where=str(file.path),
            fix="Bring more labelled rows"
            + (", or give --time a column of timestamps." if time else "."),
        )
    found = found.take(pa.array(range(found.num_rows - 1, -1, -1)))
    if time is None:
        notes.append(
            "no column gives the time of a row: the holdout is a random half, and the rows are "
            "given times a minute apart, from 2000-01-01, that mean nothing"
        )
    elif len(found["timestamp"].unique()) == 1:
        raise EvergreenError(
            f"all {found.num_rows:,} rows have the same time, so none is newer than the others",
            where=f"{file.path}: {time}",
            fix="Give --time another column, or leave it out: the holdout is then a random half.",
        )
    return as_utc(found)


def as_utc(rows: pa.Table) -> pa.Table:
    """Return rows whose last column, ``timestamp``, is in UTC."""
    times = rows["timestamp"].cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    return rows.set_column(rows.num_columns - 1, "timestamp", times)

"""Drafts of time series: a file with one value for each step, or one for each step and series.

A row of the model is one forecast. What is known when it is made are the newest values of its
series, the value one season before the moment it is about, and the calendar. So the lags are made
here, and the caller of the model sends them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cli.shared.column_profiles import ColumnProfile, StrangersFile
from cli.shared.column_sql import moment_of, quoted, text_of
from cli.shared.model_drafts import MAX_ROWS_USED, MIN_ROWS, DraftForecast, ModelDraft, as_utc
from cli.shared.series_options import SeriesOptions
from cli.shared.series_steps import SeriesStep, step_between
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

_NEWEST = 7
"""How many of the newest values are features."""
_LEAST_KNOWN = 0.5
"""A lag that fewer rows have is no feature."""
AHEAD = "steps_ahead"
_CALENDAR = {"hour": "%H", "weekday": "%A", "month": "%B"}


def draft_series(name: str, path: Path, target: str, options: SeriesOptions) -> ModelDraft:
    """Read a file of one or several series and draft a model that forecasts them.

    Parameters
    ----------
    name
        The model's name.
    path
        CSV or Parquet; see :class:`cli.shared.column_profiles.StrangersFile`.
    target
        The column with the value that is forecast.
    options
        What the command line says.

    Raises
    ------
    EvergreenError
        If there is no time series in it; the message says what to change.
    """
    file = StrangersFile(path)
    file.require(target, "--target")
    time = _time_column(file, target, options.time)
    if options.series is not None:
        file.require(options.series, "--series")
    goal = file.profile(target)
    if goal.role not in {"float", "integer"} and goal.low is None:
        raise EvergreenError(
            f"a time series is of numbers, and the target is {goal.why}",
            where=f"{path}: {target}",
            fix="Give --target a column of numbers.",
        )
    of_series = text_of(options.series) if options.series else "'all rows'"
    _load(file, goal, time, of_series)
    step = step_between(file, options.series)
    season = options.season or step.season
    static, left_out = _other_columns(file, {target, time, options.series}, options.series)
    _number_steps(file, step, static)
    named = file.profile(options.series).feature if options.series else None
    rows = _forecasts(file, goal, options, named, season, step, static)
    lags = [each for each in rows.column_names if each.startswith(f"{goal.feature}_")]
    known = [each for each in lags if rows[each].null_count <= (1 - _LEAST_KNOWN) * rows.num_rows]
    rows = rows.drop_columns([each for each in lags if each not in known])
    given = {goal.feature, "timestamp"}
    features = tuple(
        _feature(rows, each, static, named) for each in rows.column_names if each not in given
    )
    several = len(options.horizons) > 1
    forecast = DraftForecast(
        horizon=AHEAD if several else options.horizons[0],
        seasonal_naive=_naive_name(goal.feature),
        series=named,
    )
    (count,) = file.one("SELECT count(DISTINCT s) FROM steps")
    of = f"{count:,} series, " if options.series else ""
    notes = [
        f"time of a value: {time}; {of}a step is {step.name}, a season {season} steps",
        "each row is a forecast, and its time is when it is made",
    ]
    (gaps,) = file.one(
        "SELECT sum(longest) FROM (SELECT max(i) - min(i) + 1 - count(*) AS longest "
        "FROM steps GROUP BY s)"
    )
    if gaps:
        notes.append(f"{int(gaps):,} steps between the first and the last of a series are missing")
    if named:
        there = set(rows[named].unique().to_pylist())
        short = [each for (each,) in file.rows_of("SELECT DISTINCT s FROM steps ORDER BY s")]
        short = [each for each in short if each not in there]
        if short:
            some = ", ".join(short[:5]) + (f" and {len(short) - 5} more" if len(short) > 5 else "")
            notes.append(f"too short for a forecast, and so not in the rows: {some}")
    return ModelDraft(
        name=name,
        task="time_series",
        target=goal.feature,
        source=path.name,
        time=time,
        features=features,
        left_out=left_out,
        rows=rows,
        notes=tuple(notes),
        forecast=forecast,
    )


def _time_column(file: StrangersFile, target: str, time: str | None) -> str:
    if time is not None:
        file.require(time, "--time")
        return time
    moments = [each for each in file.columns if file.profile(each).role == "moment"]
    if len(moments) != 1 or moments[0] == target:
        raise EvergreenError(
            f"{len(moments)} columns hold timestamps",
            where=str(file.path),
            fix="Say with --time which column has the time of a value.",
        )
    return moments[0]


def _load(file: StrangersFile, goal: ColumnProfile, time: str, series: str) -> None:
    """Make the table ``known``: series, moment and value; and see that none comes twice.

    ``w`` is the moment as the file writes it: days and months are those of its own zone.
    """
    file.run(
        f"""CREATE TABLE known AS SELECT * FROM (SELECT {series} AS s, {moment_of(time)} AS t,
        {moment_of(time, as_written=True)} AS w, {goal.value} AS v, rowid AS place FROM raw)
        WHERE s IS NOT NULL AND t IS NOT NULL AND v IS NOT NULL"""  # noqa: S608 - names are quoted
    )
    _refuse_twice(file, "known", "t")


def _refuse_twice(file: StrangersFile, table: str, column: str) -> None:
    twice = file.rows_of(
        f"""SELECT s, min(t), count(*) FROM {table} GROUP BY s, {column} HAVING count(*) > 1
        ORDER BY s, min(t) LIMIT 1"""  # noqa: S608 - our own names
    )
    if twice:
        name, moment, count = twice[0]
        raise EvergreenError(
            f"{count} rows are of the same step, {moment} in the series {name!r}",
            where=str(file.path),
            fix="Keep one row of each step and series: add them up, or name with --series the "
            "column that tells them apart.",
        )


def _other_columns(
    file: StrangersFile, taken: set[str | None], series: str | None
) -> tuple[list[ColumnProfile], tuple[ColumnProfile, ...]]:
    """Return the columns that are the same in all rows of a series, and those left out."""
    static, left_out = [], []
    for column in file.columns:
        if column in taken:
            continue
        profile = file.profile(column)
        changes = 1
        if series is not None and profile.role in {"category", "boolean", "float", "integer"}:
            (changes,) = file.one(
                f"""SELECT max(kinds) FROM (SELECT count(DISTINCT ({profile.value})) AS kinds
                FROM raw GROUP BY {text_of(series)})"""  # noqa: S608 - names are quoted
            )
            changes -= 1
        if not changes and profile.role != "left out":
            static.append(profile)
        else:
            why = "it changes in time, and may not be known when a forecast is made"
            said = profile.why if profile.role == "left out" else why
            left_out.append(ColumnProfile(column, "left out", said, "NULL", 0, profile.distinct))
    return static, tuple(left_out)


def _number_steps(file: StrangersFile, step: SeriesStep, static: list[ColumnProfile]) -> None:
    """Make the table ``steps``: the values, and the number of the step of each."""
    more = "".join(f", {each.value} AS {quoted(each.feature)}" for each in static)
    kept = "".join(f", {quoted(each.feature)}" for each in static)
    file.run(
        f"""CREATE TABLE steps AS SELECT s, t, w, v, CAST(round({step.number}) AS BIGINT) AS i{kept}
        FROM known JOIN (SELECT rowid AS place{more} FROM raw) USING (place)
        WHERE {step.is_whole}"""  # noqa: S608 - names are quoted
    )
    _refuse_twice(file, "steps", "i")


def _forecasts(
    file: StrangersFile,
    goal: ColumnProfile,
    options: SeriesOptions,
    series: str | None,
    season: int,
    step: SeriesStep,
    static: list[ColumnProfile],
) -> pa.Table:
    several = len(options.horizons) > 1
    parts = []
    for ahead in options.horizons:
        back = math.ceil(ahead / season) * season - ahead
        columns = [f"s AS {quoted(series)}"] if series else []
        columns += [quoted(each.feature) for each in static]
        columns += [f"{ahead} AS {AHEAD}"] if several else []
        lags = range(min(_NEWEST, 2 * season))
        # The value a season before is one of the newest, unless the horizons differ.
        columns += [_lag(goal.feature, each) for each in lags if several or each != back]
        columns.append(f"{_at(-back)} AS {quoted(_naive_name(goal.feature))}")
        moment = _at(ahead, "w")
        columns += [f"strftime({moment}, '{_CALENDAR[each]}') AS {each}" for each in step.calendar]
        columns += [f"{_at(ahead)} AS {quoted(goal.feature)}", "t AS timestamp"]
        parts.append(f"SELECT {', '.join(columns)} FROM steps")  # noqa: S608 - names are quoted
    found: pa.Table = file.table(
        f"""SELECT * FROM ({" UNION ALL ".join(parts)})
        WHERE {quoted(goal.feature)} IS NOT NULL AND {quoted(_naive_name(goal.feature))} IS NOT NULL
        ORDER BY timestamp DESC LIMIT {MAX_ROWS_USED}"""  # noqa: S608 - names are quoted
    )
    if found.num_rows < MIN_ROWS:
        raise EvergreenError(
            f"{found.num_rows} forecasts have an outcome {options.horizons[-1]} steps later and a "
            f"value one season ({season} steps) before it; at least {MIN_ROWS} are needed",
            where=str(file.path),
            fix="Bring a longer series, or give a shorter --horizon or --season.",
        )
    _require_length(file, found, series, options.horizons[-1])
    return as_utc(found.sort_by([("timestamp", "ascending")]))


def _require_length(file: StrangersFile, rows: pa.Table, series: str | None, horizon: int) -> None:
    """Raise if half of the rows and the steps before it, whose outcome is not known, are all."""
    tracks = [name for name in (series, AHEAD) if name in rows.column_names]
    counted = rows.group_by(tracks).aggregate([("timestamp", "count")]) if tracks else None
    longest = max(counted["timestamp_count"].to_pylist()) if counted else rows.num_rows
    if longest // 2 < horizon + 1:
        raise EvergreenError(
            f"the longest series has {longest} forecasts, of which half are held out, and of the "
            f"{horizon - 1} before these the outcome is not known yet: none is left to train on",
            where=str(file.path),
            fix="Bring a longer series, or give a shorter --horizon.",
        )


def _at(steps: int, column: str = "v") -> str:
    """Return the SQL of a value some steps later, or earlier; null where the step is missing."""
    side = f"{abs(steps)} {'FOLLOWING' if steps > 0 else 'PRECEDING'}"
    return f"max({column}) OVER (PARTITION BY s ORDER BY i RANGE BETWEEN {side} AND {side})"


def _lag(name: str, back: int) -> str:
    return f"{_at(-back)} AS {quoted(f'{name}_{back}_before' if back else f'{name}_newest')}"


def _naive_name(name: str) -> str:
    return f"{name}_a_season_before"


def _feature(
    rows: pa.Table, name: str, static: list[ColumnProfile], series: str | None
) -> ColumnProfile:
    import pyarrow.compute as pc

    values = rows[name]
    missing = values.null_count / rows.num_rows
    distinct = pc.count_distinct(values).as_py()
    for each in static:
        if each.feature == name:
            return each
    if name == series:
        return ColumnProfile(name, "category", "the series", "", missing, distinct)
    if name in _CALENDAR:
        why = "of the time that is forecast"
        return ColumnProfile(name, "category", why, "", missing, distinct)
    ends = pc.min_max(values).as_py()
    if name == AHEAD:
        why = "from the forecast to the time that it is about"
        return ColumnProfile(name, "integer", why, "", 0, distinct, ends["min"], ends["max"])
    season = name.endswith("_a_season_before")
    why = (
        "a season before the time that is forecast: the naive forecast"
        if season
        else "counted back from when the forecast is made"
    )
    return ColumnProfile(name, "float", why, "", missing, distinct, ends["min"], ends["max"])

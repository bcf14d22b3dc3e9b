"""Files as strangers have them: each ends in a served model, or in what to change."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.commands import check_model, new_model
from cli.main import app
from cli.shared import model_check
from cli.shared.series_drafts import draft_series
from cli.shared.series_options import SeriesOptions
from evergreen.errors import EvergreenError, ModelDefinitionError
from evergreen.model_definition import ModelDefinition, load_definition

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 240
ROOT = Path(__file__).parents[4] / "pyproject.toml"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(new_model, "MODELS", folder)
    monkeypatch.setattr(check_model, "MODELS", folder)
    return folder


def frame(**more: Any) -> pd.DataFrame:
    random = np.random.default_rng(1)
    size, weight = random.normal(10, 3, ROWS), random.normal(50, 9, ROWS)
    colour = random.choice(["red", "blue", "green"], ROWS)
    ripe = size / 3 + (colour == "red") * 2 + random.normal(0, 0.5, ROWS) > 4
    columns = {"size": size.round(3), "weight": weight.round(2), "colour": colour, "ripe": ripe}
    return pd.DataFrame({**columns, **more})


def make(models: Path, file: Path, *options: str) -> tuple[dict[str, Any], ModelDefinition]:
    arguments = ["new-model", "fruit", "--from", str(file), "--json", *options]
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), load_definition(models / "fruit")


def lint(folder: Path) -> None:
    """Hold what was written against the rules that `make test` has for models/."""
    for command in (["check"], ["format", "--check"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--config", str(ROOT)]
        done = subprocess.run([*ruff, str(folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def as_csv(table: pd.DataFrame, file: Path, **options: Any) -> Path:
    table.to_csv(file, index=False, **options)
    return file


def dates(table: pd.DataFrame) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=ROWS, freq="h").strftime("%d.%m.%Y %H:%M")
    return table.assign(sold=days, booked="2024-01-01T00:00:00Z")


def test_narrow(models: Path, tmp_path: Path) -> None:
    file = as_csv(frame()[["size", "ripe"]], tmp_path / "narrow.csv")
    made, definition = make(models, file, "--target", "ripe")
    assert made["features"] == {"size": "float"}
    assert (definition.task, definition.evaluation.holdout) == ("classification", "random")
    assert made["score"] > made["naive"]
    lint(models / "fruit")


def test_wide(models: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(2).normal(size=(ROWS, 60)).round(3)
    many = {f"sensor {place} [µ]": random[:, place] for place in range(60)}
    made, definition = make(models, as_csv(frame(**many), tmp_path / "w.csv"), "--target", "ripe")
    assert len(definition.features) == 63
    assert definition.features["sensor 7 [µ]"].type == "float"
    assert made["score"] > made["naive"]


def test_dates_give_the_time_and_are_no_features(models: Path, tmp_path: Path) -> None:
    file = as_csv(dates(frame()).drop(columns="booked"), tmp_path / "dates.csv")
    made, definition = make(models, file, "--target", "ripe")
    assert definition.evaluation.holdout == "recent"
    assert any("sold, the only column of timestamps" in note for note in made["notes"])
    prepared = pq.read_table(made["data"])
    assert str(prepared["timestamp"][0].as_py()) == "2024-01-01 00:00:00+00:00"
    assert prepared["timestamp"].to_pylist() == sorted(prepared["timestamp"].to_pylist())


def test_a_day_without_marks_is_no_number(models: Path, tmp_path: Path) -> None:
    table = frame(day=pd.date_range("2025-01-01", periods=ROWS).strftime("%Y%m%d"))
    found, definition = make(models, as_csv(table, tmp_path / "f.csv"), "--target", "ripe")
    assert "time of a row: day, the only column of timestamps" in found["notes"]
    assert "day" not in definition.features


def test_a_second_moment_gives_features(models: Path, tmp_path: Path) -> None:
    days = pd.date_range("2023-01-01", periods=ROWS, freq="37h")
    table = dates(frame()).assign(booked=days.strftime("%Y/%m/%d"), last=days)
    table.loc[3, "booked"] = None
    table["ripe"] = days.weekday < 3
    file = as_csv(table, tmp_path / "moments.csv")
    made, definition = make(models, file, "--target", "ripe", "--time", "sold")
    assert {"booked_weekday", "booked_month", "last_hour"} <= {*definition.features}
    assert "booked_hour" not in definition.features  # no value has a time of day
    assert definition.moments["booked"].nullable
    assert made["score"] > 0.95 > made["naive"]
    assert CliRunner().invoke(app, ["check-model", "fruit", "--data", made["data"]]).exit_code == 0


def test_booleans_as_words_and_rows_without_a_target(models: Path, tmp_path: Path) -> None:
    words = {True: "Ja", False: "nein"}
    table = frame(organic=np.where(np.arange(ROWS) % 3, "yes", "NO"))
    table["ripe"] = table["ripe"].map(words)
    table.loc[::12, "ripe"] = None
    made, definition = make(models, as_csv(table, tmp_path / "b.csv"), "--target", "ripe")
    assert definition.features["organic"].type == "boolean"
    prepared = pq.read_table(made["data"])["ripe"].to_pylist()
    assert (len(prepared), {*prepared}) == (ROWS - 20, {True, False})
    assert "20 of 240 rows are left out: no target, or no time" in made["notes"]


def test_mixed_columns_ids_and_constants_are_told(models: Path, tmp_path: Path) -> None:
    mixed = np.where(np.arange(ROWS) % 2, "12", "n/a or so")
    odd = np.where(np.arange(ROWS) == 7, "broken", (np.arange(ROWS) % 30).astype(str))
    table = frame(mixed=mixed, odd=odd, id=np.arange(ROWS) + 10, same="x", empty="")
    table["leak"] = np.where(table["ripe"], 5, 6)
    made, definition = make(models, as_csv(table, tmp_path / "m.csv"), "--target", "ripe")
    assert definition.features["mixed"].type == "category"
    assert (definition.features["odd"].type, definition.features["odd"].nullable) == (
        "integer",
        True,
    )
    assert made["left_out"] == {
        "id": "every row has another: an id",
        "same": "constant",
        "empty": "no values",
    }
    assert [each for each in made["warnings"] if each.startswith("leak alone")]


def test_german_decimals_in_the_encoding_of_excel(models: Path, tmp_path: Path) -> None:
    table = frame().rename(columns={"size": "größe"})
    table["colour"] = table["colour"].replace("red", "rötlich")
    file = as_csv(table, tmp_path / "g.csv", sep=";", decimal=",", encoding="latin-1")
    made, definition = make(models, file, "--target", "weight")
    assert (definition.task, definition.features["größe"].type) == ("regression", "float")
    assert definition.features["größe"].max == pytest.approx(table["größe"].max())
    assert made["metric"] == "rmse"


def test_the_euro_in_the_encoding_of_excel(models: Path, tmp_path: Path) -> None:
    table = frame()
    table["colour"] = table["colour"].replace("red", "€ rötlich")
    as_csv(table, tmp_path / "e.csv", encoding="cp1252")
    packed = tmp_path / "e.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "e.csv").read_bytes()))
    made, _ = make(models, packed, "--target", "ripe")
    assert "€ rötlich" in pq.read_table(made["data"])["colour"].to_pylist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "it is in UTF-16. Save it as CSV in UTF-8"),
        (b"a,b\n1,\xe4\x81\x80\xff\n2,\x81\n", "neither in UTF-8 nor in Windows-1252"),
        (
            b"a,b,ripe\n" + b"1,2,x\n" * 120 + b"1,2,x,y\n" + b"1,2\n" + b"1,2,x\n" * 9,
            "the header has 3 columns, and row 121 below it has 4 values",
        ),
    ],
)
def test_what_is_no_table_is_told_with_what_to_change(
    models: Path, tmp_path: Path, text: bytes, message: str
) -> None:
    (tmp_path / "odd.csv").write_bytes(text)
    with pytest.raises(EvergreenError, match=message):
        make(models, tmp_path / "odd.csv", "--target", "ripe")


def test_infinite_numbers_count_as_missing(models: Path, tmp_path: Path) -> None:
    table = frame().astype({"size": object})
    table.loc[[3, 5, 7], "size"] = ["inf", "1e39", "-Infinity"]
    table["huge"] = "1e300"
    table.loc[::2, "huge"] = "2e300"
    made, definition = make(models, as_csv(table, tmp_path / "i.csv"), "--target", "ripe")
    assert definition.features["size"].nullable
    assert pq.read_table(made["data"])["size"].null_count == 3
    assert made["left_out"]["huge"] == "numbers beyond 32 bits"


def test_a_first_training_that_fails_says_what_is_left(models: Path, tmp_path: Path) -> None:
    table = dates(frame()).assign(ripe=np.arange(ROWS) > 3 * ROWS / 4)
    file = as_csv(table, tmp_path / "late.csv")
    command = ["new-model", "fruit", "--from", str(file), "--target", "ripe", "--time", "sold"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, EvergreenError)
    assert "the same class" in str(result.exception)
    assert "models/fruit is written. Edit it and run `evergreen check-model fruit`" in result.stderr
    assert (models / "fruit" / "training.py").is_file()


def test_an_interruption_leaves_nothing(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def press(*_: Any) -> None:
        seen.append((models / "fruit").is_dir())
        raise KeyboardInterrupt

    monkeypatch.setattr(model_check, "fit", press)
    file = as_csv(frame(), tmp_path / "fruit.csv")
    result = CliRunner().invoke(
        app, ["new-model", "fruit", "--from", str(file), "--target", "ripe"]
    )
    assert (result.exit_code != 0, seen) == (True, [True])
    assert not [*models.iterdir()]
    assert not [*(tmp_path / ".evergreen" / "data").iterdir()]


def test_times_that_are_all_the_same_are_told(models: Path, tmp_path: Path) -> None:
    file = as_csv(frame(when="2026-03-01T00:00:00Z"), tmp_path / "fruit.csv")
    with pytest.raises(EvergreenError, match=r"all 240 rows have the same time.* leave it out"):
        make(models, file, "--target", "ripe", "--time", "when")
    made, _ = make(models, file, "--target", "ripe")
    assert "when has the same time in every row, so it cannot order them" in made["notes"]
    assert made["notes"][-1].endswith("a minute apart, from 2000-01-01, that mean nothing")


def test_a_byte_order_mark(models: Path, tmp_path: Path) -> None:
    file = as_csv(frame(), tmp_path / "bom.csv", encoding="utf-8-sig")
    made, _ = make(models, file, "--target", "ripe")
    assert list(made["features"]) == ["size", "weight", "colour"]


def test_gzip(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(gzip.compress(frame().to_csv(index=False).encode()))
    made, _ = make(models, file, "--target", "colour")
    assert (made["task"], made["features"]["ripe"]) == ("classification", "boolean")


def test_parquet_with_dictionaries_nulls_and_names_of_the_log(models: Path, tmp_path: Path) -> None:
    table = dates(frame(row=np.arange(ROWS) % 7)).rename(columns={"ripe": "label"})
    table["colour"] = table["colour"].astype("category")
    table.loc[::9, "weight"] = np.nan
    table.loc[::11, "colour"] = None
    table["sold"] = pd.to_datetime(table["sold"], dayfirst=True)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    assert pa.types.is_dictionary(arrow["colour"].type)
    file = tmp_path / "rows.parquet"
    pq.write_table(arrow, file)
    _, definition = make(models, file, "--target", "label", "--time", "sold")
    assert definition.target == "label_value"
    assert {name for name, item in definition.features.items() if item.nullable} == {
        "weight",
        "colour",
    }
    assert "row_value" in definition.features


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, ["--target", "rype"], r"is called 'rype'. Give --target .*: ripe, .*size"),
        (
            lambda t: t,
            ["--target", "ripe", "--time", "colour"],
            "give --time a column of timestamps",
        ),
        (lambda t: t, ["--target", "ripe", "--time", "when"], "no column is called 'when'"),
        (lambda t: t.assign(ripe=True), ["--target", "ripe"], "one value at most"),
        (lambda t: t.head(60), ["--target", "ripe"], "60 rows have a target; at least 100"),
        (lambda t: t[["ripe"]].assign(a=1), ["--target", "ripe"], r"feature \(a: constant\)"),
        (lambda t: t, ["--target", "colour", "--task", "regression"], "predicts numbers"),
        (lambda t: t, ["--target", "size", "--task", "classification"], "no classes"),
    ],
)
def test_what_is_no_model_is_told_with_what_to_change(
    models: Path,
    tmp_path: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    options: list[str],
    message: str,
) -> None:
    file = as_csv(change(frame()), tmp_path / "odd.csv")
    with pytest.raises(EvergreenError, match=message):
        make(models, file, *options)
    assert list(models.iterdir()) == []


def shops(days: int = 200) -> pd.DataFrame:
    """Return the daily sales of two stores, in German dates, each store with its own city."""
    random = np.random.default_rng(2)
    when = pd.date_range("2025-01-01", periods=days)
    parts = [
        pd.DataFrame(
            {
                "day": when.strftime("%d.%m.%Y"),
                "shop": shop,
                "city": city,
                "sales": level * (1 + 0.3 * (when.dayofweek > 4))
                + random.normal(0, level / 20, days),
                "promotion": random.random(days) < 0.2,
            }
        )
        for shop, city, level in (("one", "Ulm", 100), ('tw"o', "Bonn", 9))
    ]
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_a_series_that_is_too_short_is_named(models: Path, tmp_path: Path) -> None:
    new = shops(5).loc[lambda t: t["shop"] == "one"].assign(shop="new")
    file = as_csv(pd.concat([shops(), new]), tmp_path / "shops.csv")
    asked = ("--target", "sales", "--task", "time_series", "--horizon", "7", "--series", "shop")
    found, _ = make(models, file, *asked)
    assert "too short for a forecast, and so not in the rows: new" in found["notes"]


@pytest.mark.parametrize("horizon", ["7", "1,14"])
def test_several_series_and_horizons(models: Path, tmp_path: Path, horizon: str) -> None:
    file = as_csv(shops(), tmp_path / "shops.csv")
    asked = ("--target", "sales", "--task", "time_series", "--horizon", horizon, "--series", "shop")
    found, definition = make(models, file, *asked)
    forecast, several = definition.forecast, "," in horizon
    assert forecast is not None
    assert (forecast.series, forecast.horizon) == ("shop", "steps_ahead" if several else 7)
    assert definition.longest_horizon == (14 if several else 7)
    assert definition.features["city"].type == "category"
    lint(models / "fruit")
    assert {"weekday", "month", "sales_1_before"} <= definition.features.keys()
    assert "may not be known" in found["left_out"]["promotion"]
    rows = pq.read_table(found["data"]).to_pandas()
    raw = shops().assign(day=lambda t: pd.to_datetime(t["day"], format="%d.%m.%Y", utc=True))
    known = raw.set_index(["shop", "day"])["sales"]
    for row in rows.sample(40, random_state=1).to_dict("records"):
        ahead = pd.Timedelta(days=row.get("steps_ahead", 7))
        season = ahead - pd.Timedelta(days=-(-ahead.days // 7) * 7)
        about = (row["shop"], row["timestamp"] + ahead)
        assert row["sales"] == pytest.approx(known[about])
        assert row["weekday"] == about[1].day_name()
        assert row["sales_1_before"] == pytest.approx(
            known.get((row["shop"], row["timestamp"] - pd.Timedelta(days=1)), np.nan), nan_ok=True
        )
        before = (row["shop"], row["timestamp"] + season)
        assert row["sales_a_season_before"] == pytest.approx(known[before])
    assert found["naive"] > found["score"] > 0


@pytest.mark.parametrize(
    ("times", "step", "season"),
    [
        (pd.date_range("2000-01-01", periods=240, freq="MS").strftime("%Y-%m"), "a month", 12),
        (pd.date_range("2000-01-31", periods=240, freq="ME"), "a month", 12),
        (pd.date_range("1960-01-01", periods=240, freq="QS"), "a quarter", 4),
        (pd.date_range("2010-01-03", periods=240, freq="W"), "a week", 52),
        (pd.bdate_range("2020-01-01", periods=240), "a day", 7),
        (pd.date_range("2024-01-01", periods=240, freq="h"), "an hour", 24),
        (pd.date_range("2024-01-01", periods=240, freq="15min"), "15 minutes", 96),
        (pd.date_range("2000-01-01", periods=240, freq="MS", tz="Europe/London"), "a month", 12),
        (pd.date_range("2025-01-01", periods=240, tz="Europe/London"), "a day", 7),
        (pd.date_range("2025-10-20", periods=240, freq="h", tz="Europe/London"), "an hour", 24),
    ],
    ids=[
        *("month", "end of month", "quarter", "week", "working day", "hour", "quarter of an hour"),
        *("month of London", "day of London", "hour of London"),
    ],
)
def test_the_step_is_told_by_the_times(
    tmp_path: Path, times: pd.Index[Any], step: str, season: int
) -> None:
    values = np.arange(240.0) + 0.5
    file = as_csv(pd.DataFrame({"when": times, "sales": values}), tmp_path / "f.csv")
    draft = draft_series("shop", file, "sales", SeriesOptions((1,)))
    assert f"a step is {step}, a season {season} steps" in draft.notes[0]
    rows = draft.rows.to_pandas()
    assert (rows["sales"] - rows["sales_newest"]).abs().max() == 1
    if step == "a day":  # of the zone that the file writes, where UTC may have the day before
        written = rows["timestamp"].dt.tz_convert(getattr(times, "tz", None) or "UTC")
        assert (rows["weekday"] == (written + pd.DateOffset(days=1)).dt.day_name()).all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, ("--horizon", "7"), r"2 rows are of the same step.*--series"),
        (lambda t: t[t["shop"] == "one"], (), r"a time series needs a horizon.*--horizon 7"),
        (lambda t: t, ("--horizon", "week"), r"'week' is no horizon"),
        (lambda t: t[:90], ("--horizon", "7", "--series", "shop"), r"at least 100 are needed"),
        (lambda t: t, ("--horizon", "90", "--series", "shop"), r"none is left to train on"),
        (
            lambda t: t.assign(day=t["day"].where(t.index % 3 > 0, t["day"] + " 07:03")),
            ("--horizon", "7", "--series", "shop"),
            r"the times are irregular",
        ),
    ],
    ids=["twice", "no horizon", "a word", "short", "far", "irregular"],
)
def test_what_is_no_time_series_is_told(
    models: Path, tmp_path: Path, change: Any, options: Any, message: str
) -> None:
    file = as_csv(change(shops()), tmp_path / "shops.csv")
    with pytest.raises(EvergreenError, match=message):
        make(models, file, "--target", "sales", "--task", "time_series", *options)


def test_a_name_that_no_feature_may_have_is_changed_and_told(models: Path, tmp_path: Path) -> None:
    table = frame().rename(columns={"size": 'size "cm"', "weight": "weight\\g"})
    found, definition = make(models, as_csv(table, tmp_path / "f.csv"), "--target", "ripe")
    assert {"size _cm_", "weight_g"} <= definition.features.keys()
    assert 'the feature of the column size "cm" is size _cm_' in found["notes"]
    assert "size _cm_" in pq.read_schema(found["data"]).names


def test_a_name_that_no_model_may_have_is_refused_before_the_file_is_read(
    models: Path, tmp_path: Path
) -> None:
    arguments = ["new-model", "Bad-Name", "--from", str(tmp_path / "no.csv"), "--target", "ripe"]
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, EvergreenError)
    assert "no name of a model" in str(refused.exception)
    assert not list(models.iterdir())


def test_the_check_finds_what_a_person_broke(models: Path, tmp_path: Path) -> None:
    make(models, as_csv(frame(), tmp_path / "rows.csv"), "--target", "ripe")
    with pytest.raises(EvergreenError, match="the folder exists"):
        make(models, tmp_path / "rows.csv", "--target", "ripe")
    checked = CliRunner().invoke(app, ["check-model", "fruit"])
    assert (checked.exit_code, checked.exception) == (0, None)
    assert "always answering" in checked.stdout
    training = models / "fruit" / "training.py"
    training.write_text("import torch\n" + training.read_text())
    broken = CliRunner().invoke(app, ["check-model", "fruit"])
    assert isinstance(broken.exception, ModelDefinitionError)
    assert "imports torch, which the training image does not have" in str(broken.exception)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_free_text_is_taken_apart_and_served(models: Path, tmp_path: Path, task: str) -> None:
    random = np.random.default_rng(4)
    words = np.array("früh reif süß hart the of schön Obst it's 晴れ".split())  # noqa: SIM905
    notes = [" ".join(random.choice(words, 6)) for _ in range(ROWS)]
    notes[5] = ""
    sweet = np.array([("süß" in note) for note in notes])
    table = frame(note=notes, name=[f"fruit {place}" for place in range(ROWS)])
    table["ripe"] = sweet if task == "classification" else sweet * 3 + table["size"]
    made, definition = make(models, as_csv(table, tmp_path / "n.csv"), "--target", "ripe")
    assert made["features"]["note"] == "text"
    assert definition.features["note"].nullable
    assert made["left_out"]["name"] == "240 distinct texts: an id or a name"
    better = made["score"] > made["naive"]
    assert better if task == "classification" else not better
    assert definition.task == task
    lint(models / "fruit")

"""What is read of files whose shape says nothing of itself: the weather in space, R's arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public import causes, relations

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_DAY = (
    "{} 2383 10 43 40 30 20 37 23 43 37 273  32  27  15   7  22   9  32  22  21 1.1 5 "
    "334 268.0 0 265.2 230.9 {} 266.0 230.0"
)


def test_the_weather_in_space_is_read_by_its_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "SW-All.txt"
    observed = [_DAY.format("1957 10 01", "269.3"), _DAY.format("1957 10 03", " " * 5)]
    predicted = _DAY.format("2025 10 01", "100.0")
    lines = ["VERSION 1.2", "BEGIN OBSERVED", *observed, "END OBSERVED", "", predicted]
    file.write_text("\n".join(lines))
    monkeypatch.setattr(causes, "file_of", lambda _: file)
    table = causes.space_weather()
    # What is predicted is not read, and a day without a line is there without a value.
    assert [day.isoformat()[:10] for day in table.index] == [
        *("1957-10-01", "1957-10-02", "1957-10-03")
    ]
    assert list(table.iloc[0]) == [21.0, 334.0, 269.3]
    assert table.iloc[1].isna().all()
    assert list(table["disturbance"].isna()) == [False, True, False]
    assert list(table["radio"].isna()) == [False, True, True]


def test_deaths_belong_to_their_age_sex_and_year(monkeypatch: pytest.MonkeyPatch) -> None:
    # As R writes an array: the first of its dimensions is the fastest.
    rates = [
        (1 + age + 1000 * sex + 10_000 * year) / 1e9
        for year in range(75)
        for sex in range(2)
        for age in range(110)
    ]
    monkeypatch.setattr(relations, "from_r", lambda *_: pd.DataFrame({"x": rates}))
    rows = {public.name: public for public in relations.RELATIONS}["mortality_usa"].load()
    year = rows["timestamp"].dt.year - 1940
    told = 1 + rows["age"] + 1000 * (rows["sex"] == "female") + 10_000 * year
    np.testing.assert_allclose(np.exp(rows["deaths"]) / 365.25 / 1e5 * 1e9, told)
    assert sorted(year.unique()) == list(range(75))


def test_panels_are_told_the_sky_of_their_half_hour_by_their_own_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarters = pd.date_range("2011-06-01 04:00", periods=6, freq="15min", tz="Etc/GMT+7")
    halves = pd.date_range("2011-06-01 04:00", periods=4, freq="30min", tz="Etc/GMT+7")
    power = pd.DataFrame({"measured_on": quarters, "ac_power_2": [0.0, 0, 1, 3, 5, np.nan]})
    sky = dict.fromkeys(("temp_air", "ghi", "dni_clear", "dhi_clear"), 1.0)
    clear = pd.DataFrame({"index": halves, "ghi_clear": [0.0, 10, 20, 30], **sky})
    power.to_parquet(tmp_path / "power.parquet")
    clear.to_parquet(tmp_path / "sky.parquet")
    files = {True: tmp_path / "sky.parquet", False: tmp_path / "power.parquet"}
    monkeypatch.setattr(relations, "file_of", lambda path: files["psm3" in path])
    rows = {public.name: public for public in relations.RELATIONS}["solar_panels"].load()
    # The first half hour is night, and of the last there is no power.
    assert list(rows["power"]) == [2.0, 5.0]
    assert list(rows["ghi_clear"]) == [10.0, 20.0]
    assert list(rows["hour"]) == [4, 5]
    assert [moment.isoformat() for moment in rows["timestamp"]] == [
        *("2011-06-01T11:30:00+00:00", "2011-06-01T12:00:00+00:00")
    ]

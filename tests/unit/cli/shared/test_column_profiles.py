"""Forms of numbers and dates: what is surely read, and what is said of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cli.shared.column_profiles import StrangersFile
from cli.shared.column_sql import moment_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cli.shared.column_profiles import ColumnProfile


def opened(folder: Path, values: Sequence[str]) -> StrangersFile:
    """Return a file with one column of values, repeated, beside another column."""
    file = folder / "odd.csv"
    lines = [f'{row},"{value}"\n' for row, value in enumerate([*values] * 30)]
    file.write_text("number,odd\n" + "".join(lines))
    return StrangersFile(file)


def read(folder: Path, values: Sequence[str]) -> tuple[ColumnProfile, list[float]]:
    """Return what becomes of values, and what they are read as."""
    file = opened(folder, values)
    profile = file.profile("odd")
    found = file.rows_of(f"SELECT {profile.value} FROM raw LIMIT {len(values)}")
    return profile, [value for (value,) in found]


@pytest.mark.parametrize(
    ("values", "expected", "why"),
    [
        (["12.5%", "-3 %", ".5%"], [12.5, -3, 0.5], "numbers, without their %"),
        (["12,5 %", "3 %"], [12.5, 3], "decimal comma, without their %"),
        (["1.234,56 €", "12 €", "-7,5 €"], [1234.56, 12, -7.5], "decimal comma, without their €"),
        (["1\u202f234,56 €", "12,50 €"], [1234.56, 12.5], "decimal comma, without their €"),
        (["$1,234.56", "-$12", "$0.5"], [1234.56, -12, 0.5], "comma of thousands, without their $"),
        (["12.50 eur", "3 EUR"], [12.5, 3], "numbers, without their EUR"),
        (["1,234.56", "12", "2,000"], [1234.56, 12, 2000], "comma of thousands"),
    ],
    ids=["percent", "percent comma", "euro", "french", "dollar", "code", "english"],
)
def test_numbers_are_read_in_the_forms_that_have_one_reading(
    tmp_path: Path, values: list[str], expected: list[float], why: str
) -> None:
    profile, found = read(tmp_path, values)
    assert (profile.role, profile.why, profile.warning) == ("float", why, None)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "role", "why"),
    [
        (["1,234 €", "5,678 €"], "left out", "1,234 may be 1234 or 1.234; write one of them"),
        (["1.234 €", "5.678 €"], "left out", "1.234 may be 1234 or 1.234; write one of them"),
        (["5 %", "7 €"], "category", "2 words"),  # no unit of all
    ],
    ids=["comma", "point", "mixed"],
)
def test_numbers_with_two_readings_are_not_read(
    tmp_path: Path, values: list[str], role: str, why: str
) -> None:
    profile, _ = read(tmp_path, values)
    assert (profile.role, profile.why) == (role, why)


@pytest.mark.parametrize(
    "text",
    [
        *("01 Jan 2026", "1 January 2026", "01-Jan-2026", "Jan 1, 2026", "january 1 2026"),
        *("01 JAN 2026 00:00", "Thu, 01 Jan 2026 00:00:00", "01/01/2026 00:00", "01.01.2026"),
        *("2026-01-01T00:00:00Z", "2026-01", "20260101", "2026-01-01 00:00"),
        *("2026-01-01T02:00:00+02:00", "2025-12-31 19:00:00 -05:00", "2026-01-01 05:45+0545"),
    ],
)
def test_days_are_read_with_the_english_name_of_their_month(tmp_path: Path, text: str) -> None:
    file = opened(tmp_path, [text])
    ((moment,),) = file.rows_of(f"SELECT DISTINCT {moment_of('odd')} FROM raw")
    assert moment.replace(tzinfo=UTC) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ("{:02} Jan 26", "dates of no form that is surely read; write them as 2026-12-31"),
        ("{:02}.01.26", "dates of no form that is surely read; write them as 2026-12-31"),
        ("{} Januar 2026", "dates of no form that is surely read; write them as 2026-12-31"),
        ("{} kg", "numbers with words behind them; write the numbers alone to have numbers"),
    ],
)
def test_what_looks_like_dates_or_numbers_says_how_to_write_them(
    tmp_path: Path, form: str, hint: str
) -> None:
    profile = opened(tmp_path, [form.format(day) for day in range(1, 29)]).profile("odd")
    assert (profile.role, profile.warning) == ("category", hint)

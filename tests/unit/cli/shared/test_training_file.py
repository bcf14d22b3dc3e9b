"""A file of labelled rows becomes a data set, or is refused with the column that is wrong."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.shared.column_profiles import StrangersFile
from cli.shared.column_sql import moment_of
from cli.shared.training_file import read_training_file
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.errors import EvergreenError
from tests.support.trained_models import DEFINITION

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "timestamp,wind,stops,line,express,late,note"
START = datetime(2026, 3, 1, tzinfo=UTC)


def lines(count: int = 100) -> str:
    rows = [
        f"{(START + timedelta(minutes=n)).isoformat()},{'' if n % 7 == 0 else n / 10},{n % 40},"
        f"{n % 3},{str(n % 2 == 0).lower()},{'late' if n % 5 else 'on time'},x"
        for n in range(count)
    ]
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet"])
def test_a_file_is_read_with_the_types_of_the_definition(tmp_path: Path, name: str) -> None:
    plain, file = tmp_path / "plain.csv", tmp_path / name
    plain.write_text(lines())
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(plain.read_bytes()))
    elif name.endswith(".parquet"):
        pq.write_table(read_training_file(DEFINITION, plain), file)
    else:
        file = plain
    table = read_training_file(DEFINITION, file)
    assert table.column_names == ["wind", "stops", "line", "express", "late", "timestamp"]
    # A category stays a text, even if it looks like a number.
    assert table["line"].to_pylist()[:3] == ["0", "1", "2"]
    assert table["wind"].null_count == 15
    assert table["timestamp"].to_pylist()[0] == START
    split = split_rows(DEFINITION, table)
    assert (rows_of(split, TRAIN).num_rows, rows_of(split, HOLDOUT).num_rows) == (50, 50)


@pytest.mark.parametrize(
    ("yes", "no"), [("true", "false"), ("True", "False"), ("1.0", "0.0"), ("Ja", "nein")]
)
def test_booleans_are_read_as_pandas_and_others_write_them(
    tmp_path: Path, yes: str, no: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(lines(4).replace(",true,", f",{yes},").replace(",false,", f",{no},"))
    assert read_training_file(DEFINITION, file)["express"].to_pylist() == [True, False] * 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("rows.xlsx", "", "neither CSV nor Parquet"),
        ("rows.csv", "timestamp,wind\n2026-03-01T00:00:00Z,1\n", "missing: stops, line, express"),
        (
            "rows.csv",
            lines(9).replace(",3,0,", ",many,0,"),
            "stops: row 4 has 'many', .* no number",
        ),
        ("rows.csv", lines(3).replace(",true,", ",si,"), "express: row 1 has 'si', .*neither true"),
        ("rows.csv", lines(1).replace("2026-03-01T00:00:00+00:00", ""), "row 1 has none"),
        ("rows.csv", lines(1).replace("+00:00", ""), "row 1 has '2026.*no timestamp with a zone"),
        ("rows.csv", lines(1).replace("timestamp", "when"), "Call the column .* timestamp"),
        ("rows.csv", HEADER + "\n", "it has no rows"),
        ("rows.csv", "", "it has no rows"),
        ("rows.csv", lines(2) + "1,2\n", "cannot be read.*as many values in each row"),
        ("rows.parquet", "no Parquet", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, text: str, says: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(EvergreenError, match=says) as caught:
        read_training_file(DEFINITION, file)
    assert caught.value.where == str(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvergreenError, match=r"nothing\.csv: file not found"):
        read_training_file(DEFINITION, tmp_path / "nothing.csv")


def test_a_time_without_a_zone_in_parquet_is_refused(tmp_path: Path) -> None:
    plain, file = tmp_path / "plain.csv", tmp_path / "rows.parquet"
    plain.write_text(lines(3))
    table = read_training_file(DEFINITION, plain)
    naive = table["timestamp"].cast(pa.timestamp("us"))
    pq.write_table(table.set_column(5, "timestamp", naive), file)
    with pytest.raises(EvergreenError, match=r"timestamp has the type .*no zone"):
        read_training_file(DEFINITION, file)


@pytest.mark.parametrize("value", ["inf", "-1e39"])
def test_a_number_that_32_bits_do_not_hold_is_named(tmp_path: Path, value: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(lines().replace(",0.3,", f",{value},", 1))
    with pytest.raises(EvergreenError, match=r"wind: row 4 has .*, which no model can take"):
        read_training_file(DEFINITION, file)


def test_columns_of_one_name_are_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    first, *rest = lines().splitlines()
    file.write_text("\n".join([first + ",wind", *(row + ",1" for row in rest)]))
    with pytest.raises(EvergreenError, match="several columns are called wind"):
        read_training_file(DEFINITION, file)


_ZONES = ["Z", "+00:00", "+02", "+0200", "+02:00", " +02:00", " -05:00", "-05:00", "+05:45", " Z"]
_FORMS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S.%f"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - as written
            st.sampled_from(_FORMS),
            st.sampled_from(_ZONES),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_both_readers_of_a_file_find_the_moments_that_it_names(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[datetime, str, str]]
) -> None:
    texts = [f"{moment.strftime(form)}{zone}" for moment, form, zone in written]
    told = [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
    file = tmp_path_factory.mktemp("moments") / "rows.csv"
    file.write_text("\n".join([HEADER, *(f"{text},1,2,3,true,late,x" for text in texts)]))
    assert read_training_file(DEFINITION, file)["timestamp"].to_pylist() == told
    drafted = StrangersFile(file).rows_of(f"SELECT {moment_of('timestamp')} FROM raw")
    assert [moment.replace(tzinfo=UTC) for (moment,) in drafted] == told

"""The names in a header: DuckDB renames those that occur twice, and nobody would know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shared.strangers_tables import StrangersTable
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("header", "named"),
    [("a,b,a", "'a'"), ("\ufeffa;B;b", "'b'"), ("a_1,a,a", "'a'"), ("x,y,x,y,z", "'x', 'y'")],
)
def test_columns_of_one_name_are_named(tmp_path: Path, header: str, named: str) -> None:
    file = tmp_path / "twice.csv"
    mark = ";" if ";" in header else ","
    line = mark.join("1" for _ in header.split(mark))
    file.write_text("\n".join([header, *[line] * 9]))
    with pytest.raises(EvergreenError, match=f"several columns are called {named} "):
        StrangersTable(file)


def test_names_that_end_in_numbers_are_names(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("a,a_1,a_2\n" + "1,2,3\n" * 9)
    assert StrangersTable(file).columns == ["a", "a_1", "a_2"]

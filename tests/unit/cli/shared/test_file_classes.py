"""The labels of a file become the classes that a model has, or are refused with both named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cli.shared.file_classes import KnownClasses, with_classes
from evergreen.errors import EvergreenError
from tests.support.trained_models import DEFINITION

FILE = Path("rows.csv")


def read(labels: list[object], *known: str) -> tuple[list[str], list[str]]:
    """Return the classes that labels are read as, five of each, and what is said of them."""
    table = pa.table({"late": labels * 5})
    of = KnownClasses(known, "version 1") if known else None
    found, notes = with_classes(DEFINITION, table, of, FILE)
    return found["late"].to_pylist()[: len(labels)], notes


@pytest.mark.parametrize(
    ("labels", "known", "classes"),
    [
        (["true", "FALSE"], (), ["True", "False"]),
        ([True, False], (), ["True", "False"]),
        (["yes", "no"], (), ["yes", "no"]),
        (["a", "b"], (), ["a", "b"]),
        ([1, 2], (), ["1", "2"]),
        (["Yes", "no"], ("False", "True"), ["True", "False"]),
        ([True, False], ("no", "yes"), ["yes", "no"]),
        (["1.0", "0.0"], ("False", "True"), ["True", "False"]),
        (["1.0", "7"], ("1", "7"), ["1", "7"]),
        ([" late", "on time"], ("late", "on time"), ["late", "on time"]),
        (["t", "y", "n"], ("n", "t", "y"), ["t", "y", "n"]),
        (["True", None], ("False", "True"), ["True", None]),
    ],
    ids=[
        *("text", "boolean", "words", "other words", "numbers", "words of booleans"),
        *("booleans of words", "pandas", "whole", "space", "letters", "missing"),
    ],
)
def test_labels_become_the_classes_of_the_model(
    labels: list[object], known: tuple[str, ...], classes: list[str]
) -> None:
    assert read(labels, *known)[0] == classes


@pytest.mark.parametrize(
    ("labels", "known", "says"),
    [
        (
            ["yes", "perhaps"],
            ("False", "True"),
            r"late has perhaps \(5 rows\), first in row 2, and version 1 has",
        ),
        (["red", "blue"], ("late", "on time"), r"blue.* the classes late, on time\. Write .* late"),
        (["1", "one"], ("1", "2"), r"late has one .* Write the labels as whole numbers"),
    ],
    ids=["boolean", "words", "numbers"],
)
def test_other_classes_are_refused(labels: list[object], known: tuple[str, ...], says: str) -> None:
    with pytest.raises(EvergreenError, match=says):
        read(labels, *known)


def test_what_is_rewritten_new_or_rare_is_told() -> None:
    assert read(["yes", "no"], "False", "True")[1] == [
        "no is read as False, yes is read as True, as the classes of version 1 are written"
    ]
    assert read(["True", "False"], "False", "True")[1] == []
    table = pa.table({"late": ["late"] * 9 + ["on time"] * 9 + ["perhaps"]})
    known = KnownClasses(("late", "on time"), "version 1")
    new = "! classes that version 1 does not have: perhaps (1 row)"
    assert with_classes(DEFINITION, table, known, FILE)[1] == [new]
    assert with_classes(DEFINITION, table, None, FILE)[1] == [
        "! classes with few rows: perhaps (1 row)"
    ]

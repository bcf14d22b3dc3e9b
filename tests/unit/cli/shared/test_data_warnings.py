"""What a person should look at in the rows of a model."""

from __future__ import annotations

import pyarrow as pa

from cli.shared.data_warnings import find_rare_classes
from tests.support.trained_models import DEFINITION


def test_a_class_of_few_rows_is_named() -> None:
    labels = ["late"] * 9 + ["on time"] * 5
    assert find_rare_classes(DEFINITION, pa.table({"late": labels})) == []
    (told,) = find_rare_classes(DEFINITION, pa.table({"late": [*labels, "perhaps"]}))
    assert told == "classes with fewer than 5 rows: perhaps (1); are they meant?"

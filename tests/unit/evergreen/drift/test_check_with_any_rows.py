"""Whatever is in log and reference, a whole check gives every question a verdict or a reason."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.bundle.predictor import Predictions
from evergreen.clock import to_text
from evergreen.columns import MAX_WHOLE
from evergreen.datasets.holdout_predictions import holdout_key, to_holdout_file
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import write_dataset
from evergreen.drift.check import run_check
from evergreen.drift.log import read_check_records
from evergreen.drift.records import MultivariateRecord, UnivariateRecord
from evergreen.errors import ModelDefinitionError
from evergreen.lake.reader import Lake
from evergreen.model_definition import Feature, ModelDefinition, load_definition
from evergreen.production import ProductionPointer
from tests.support.aws_in_process import account
from tests.support.fixed_clock import NOW
from tests.support.lake_tables import catalog_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evergreen.drift.check import CheckResult
    from evergreen.drift.records import DriftRecord
    from evergreen.events import Verdict
    from evergreen.storage import Storage

HOUR = timedelta(hours=1)
DEFINITION = ModelDefinition(
    name="toy",
    task="regression",
    target="y",
    features={
        "size": Feature(type="float", nullable=True),
        "rooms": Feature(type="integer", nullable=True),
        "city": Feature(type="category", nullable=True),
        "garden": Feature(type="boolean", nullable=True),
    },
)
Row = dict[str, Any]


def draw(count: int, seed: int = 0, **columns: Any) -> list[Row]:
    """Return rows without drift; a column given is a value, or a function of the row's number."""
    rng = np.random.default_rng(seed)
    plain = {
        "size": rng.normal(size=count).tolist(),
        "rooms": rng.integers(1, 9, count).tolist(),
        "city": rng.choice(["Ham", "Ulm"], count).tolist(),
        "garden": (rng.random(count) < 0.5).tolist(),
    }
    for name, value in columns.items():
        plain[name] = [value(row) if callable(value) else value for row in range(count)]
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def checked(
    reference: Sequence[Row], window: Sequence[Row]
) -> tuple[CheckResult, list[DriftRecord]]:
    """Check rows of a log against rows of a data set, and read the drift log back."""
    with account() as aws:
        return _checked(aws.storage("bucket"), reference, window)


def _checked(
    storage: Storage, reference: Sequence[Row], window: Sequence[Row]
) -> tuple[CheckResult, list[DriftRecord]]:
    schema = pa.schema(
        {"size": pa.float64(), "rooms": pa.float64(), "city": pa.string(), "garden": pa.bool_()}
    )
    rooms = [None if row["rooms"] is None else float(row["rooms"]) for row in reference]
    known_rows = [row | {"rooms": room} for row, room in zip(reference, rooms, strict=True)]
    table = pa.Table.from_pylist(known_rows, schema=schema)
    times = [NOW - timedelta(days=9) + timedelta(seconds=row) for row in range(len(reference))]
    outputs = np.random.default_rng(1).normal(size=len(reference) + len(window)).tolist()
    known, said = outputs[: len(reference)], outputs[len(reference) :]
    table = table.append_column("timestamp", pa.array(times)).append_column("y", pa.array(known))
    dataset = write_dataset(
        storage,
        DEFINITION,
        split_rows(DEFINITION, table),
        sources=["test"],
        data_until=NOW,
        clock=lambda: NOW,
    )
    storage.put(
        holdout_key("toy", "1"), to_holdout_file(DEFINITION, table, Predictions(known, None))
    )
    at = NOW - HOUR
    lines = [
        {
            "timestamp": to_text(at),
            "request_id": "r",
            "row": number,
            "model_version": "1",
            "input_data": row,
            "model_output": output,
            "confidence": None,
            "metadata": {"role": "champion"},
        }
        for number, (row, output) in enumerate(zip(window, said, strict=True))
    ]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    storage.put(f"request-log/raw/model=toy/{at:%Y/%m/%d/%H}/r", body.encode())
    result = run_check(
        DEFINITION,
        ProductionPointer(
            version="1",
            bundle_uri="s3://bucket/bundles/toy/1/",
            sha256="0" * 64,
            reference_dataset_id=dataset.dataset_id,
            promoted_at=NOW,
        ),
        Lake(storage, catalog_in(storage), clock=lambda: NOW),
        storage,
        start=NOW - 24 * HOUR,
        end=NOW,
        clock=lambda: NOW,
    )
    return result, list(read_check_records(storage, "toy", NOW - HOUR, NOW))


def complete(lines: Sequence[DriftRecord], rows: int) -> None:
    """Nothing is passed over, and what has no verdict has a reason."""
    univariate = [line for line in lines if isinstance(line, UnivariateRecord)]
    (joint,) = (line for line in lines if isinstance(line, MultivariateRecord))
    names = {line.feature_name for line in univariate}
    assert names == {*DEFINITION.features, "model_output", "confidence"}
    for line in univariate:
        assert (line.p_value is None) == (line.p_value_corrected is None)
        assert line.p_value is not None or line.reason
        assert line.p_value is None or 0 <= line.p_value <= 1
    assert joint.model_accuracy is not None or joint.reason
    assert [line.kind for line in lines].count("decision") == 1
    assert {line.rows for line in lines} == {rows}


IDS = np.random.default_rng(2).integers(10**9, size=(2, 600))
LARGE = 1e39  # more than 32 bits hold: what a model sees is infinite
CASES: dict[str, tuple[Sequence[Row], Sequence[Row], Verdict, set[str]]] = {
    "nothing special": (draw(600), draw(300, 1), "no_drift", set()),
    "a category never seen": (draw(600), draw(300, 1, city="Bonn"), "drift", {"city"}),
    "a category seen no more": (
        draw(600, city=lambda row: "ABC"[row % 3]),
        draw(300, 1, city=lambda row: "AB"[row % 2]),
        "drift",
        {"city"},
    ),
    "a constant": (draw(600, rooms=3), draw(300, 1, rooms=3), "no_drift", set()),
    "a constant that is another": (draw(600, rooms=3), draw(300, 1, rooms=4), "drift", {"rooms"}),
    "a constant category": (draw(600, city="A"), draw(300, 1, city="A"), "no_drift", set()),
    "missing in the reference": (draw(600, size=None), draw(300, 1), "drift", {"size"}),
    "missing in the window": (draw(600), draw(300, 1, size=None), "drift", {"size"}),
    "missing in both": (draw(600, size=None), draw(300, 1, size=None), "no_drift", set()),
    "a category missing in both": (draw(600, city=None), draw(300, 1, city=""), "no_drift", set()),
    "a category missing": (draw(600), draw(300, 1, city=None), "drift", {"city"}),
    "a flag missing": (draw(600), draw(300, 1, garden=None), "drift", {"garden"}),
    "as many categories as rows": (
        draw(600, city=lambda row: f"id {IDS[0, row]}"),
        draw(300, 1, city=lambda row: f"id {IDS[1, row]}"),
        "no_drift",
        set(),
    ),
    # No category moves, as none comes twice; their order gives the window away to the joint test.
    "moments as text": (
        draw(600, city=lambda row: to_text(NOW + timedelta(seconds=row))),
        draw(300, 1, city=lambda row: to_text(NOW + timedelta(seconds=600 + row))),
        "drift",
        set(),
    ),
    "values too large": (
        draw(600, size=lambda row: LARGE if row % 2 else 1.0),
        draw(300, 1, size=lambda row: -LARGE if row % 2 else 1.0),
        "no_drift",
        set(),
    ),
    "one row": (draw(600), draw(1, 1), "insufficient_data", set()),
    "no row": (draw(600), [], "insufficient_data", set()),
    "a reference smaller than the window": (draw(60), draw(900, 1), "no_drift", set()),
    "a reference of one row": (draw(1), draw(300, 1), "insufficient_data", set()),
}


@pytest.mark.parametrize("name", CASES)
def test_every_question_has_a_verdict_or_a_reason(name: str) -> None:
    reference, window, verdict, drifted = CASES[name]
    result, lines = checked(reference, window)
    complete(lines, len(window))
    assert result.decision.verdict == verdict
    assert set(result.decision.drifted_features) == drifted


@pytest.mark.parametrize(
    ("case", "feature", "reasons"),
    [
        ("a constant", "rooms", {"constant: one and the same value on both sides"}),
        (
            "missing in both",
            "size",
            {"every value is missing in the reference", "every value is missing on both sides"},
        ),
        ("missing in the window", "size", {"every value is missing in the window", None}),
        ("no row", "size", {"the window has no rows"}),
        ("nothing special", "confidence", {"the model gives no confidence"}),
        ("one row", "size", {None}),
    ],
)
def test_the_reason_is_said(case: str, feature: str, reasons: set[str | None]) -> None:
    reference, window, *_ = CASES[case]
    result, _ = checked(reference, window)
    found = {test.reason for test in result.univariate.tests if test.feature_name == feature}
    assert found == reasons


ODD = {
    "size": st.none() | st.floats(allow_nan=False, allow_infinity=False),  # as JSON has it
    "rooms": st.none() | st.integers(-(10**30), 10**30),
    "city": st.none() | st.sampled_from(["", "A", "Ä", "\0", " "]) | st.text(max_size=3),
    "garden": st.none() | st.booleans(),
}


# A data set refuses whole numbers that are not exact; a log may hold them.
ODD_REFERENCE = ODD | {"rooms": st.none() | st.integers(-MAX_WHOLE, MAX_WHOLE)}


@settings(max_examples=25)
@given(
    st.lists(st.fixed_dictionaries(ODD_REFERENCE), min_size=1, max_size=40),
    st.lists(st.fixed_dictionaries(ODD), max_size=40),
)
def test_any_values_get_through(reference: list[Row], window: list[Row]) -> None:
    result, lines = checked(reference, window)
    complete(lines, len(window))
    assert result.decision.verdict == "insufficient_data"


def test_a_moment_is_no_type_of_feature_and_the_answer_says_what_is(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "model.toml").write_text(
        'name = "toy"\ntask = "regression"\ntarget = "y"\n'
        '[features]\nwhen = { type = "datetime" }\n'
    )
    with pytest.raises(ModelDefinitionError) as raised:
        load_definition(folder)
    message = str(raised.value)
    assert "features.when.type" in message
    assert "weekday" in message
    assert "timestamp" in message

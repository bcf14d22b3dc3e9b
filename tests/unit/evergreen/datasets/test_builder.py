"""Every labelled row is used once, whenever its ground truth comes in, and time is not leaked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.clock import to_text
from evergreen.datasets.builder import build_dataset
from evergreen.datasets.manifest import Aging, RowStudy, TrainingWindow, read_manifest
from evergreen.datasets.overlap import rows_in_common
from evergreen.datasets.splitting import (
    GAP,
    HOLDOUT,
    OLDER,
    TRAIN,
    rows_of,
    split_rows,
    without_older,
)
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.errors import NotEnoughDataError
from evergreen.lake.reader import CLOCK_SKEW, Lake
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition import ModelDefinition
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.storage import Storage

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HAND_MADE = 30


@pytest.fixture(scope="session")
def new_bucket(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Storage]:
    """Make buckets that are folders: an example puts hundreds of objects, 5 ms each in moto."""
    return lambda: Folder(tmp_path_factory.mktemp("bucket"))


class Plant:
    """A model whose traffic lands in a log: one row per request, labelled when the test says."""

    def __init__(self, storage: Storage, **changes: Any) -> None:
        evaluation = {"min_labelled_rows": 20, "holdout": changes.pop("holdout", "recent")}
        values = {
            "name": "plant",
            "task": "regression",
            "target": "height",
            "features": {"water": {"type": "float"}},
            "evaluation": evaluation,
            **changes,
        }
        self.definition = ModelDefinition.model_validate(values)
        self.storage = storage
        self.now = START
        by_hand = pa.table(
            {
                "water": [float(number) for number in range(HAND_MADE)],
                "height": [0.0] * HAND_MADE,
                "timestamp": pa.array(
                    [START - (HAND_MADE - number) * DAY for number in range(HAND_MADE)],
                    pa.timestamp("us", tz="UTC"),
                ),
            }
        )
        self.manifest = write_dataset(
            self.storage,
            self.definition,
            split_rows(self.definition, by_hand),
            sources=["made up"],
            data_until=START,
            clock=lambda: START,
        )

    def predict(self, number: int, at: datetime) -> None:
        records = request_records(
            timestamp=at,
            request_id=f"r{number}",
            definition=self.definition,
            model_version="1",
            rows=[{"water": float(number)}],
            outputs=[0.0],
            confidences=None,
            metadata={"role": "champion"},
        )
        prefix = REQUEST_LOG.raw_prefix("plant", at.date())
        self.storage.put(f"{prefix}{number}", b"".join(map(encode, records)))

    def label(self, number: int, at: datetime, value: float | None = None, copy: int = 0) -> None:
        label = float(number) if value is None else value
        record = {
            "timestamp": to_text(at),
            "request_id": f"r{number}",
            "row": 0,
            "model": "plant",
            "label": label,
            "observed_at": to_text(at),
        }
        prefix = LABELS.raw_prefix("plant", at.date())
        name = f"{prefix}{number}-{at:%d%H%M%S}-{copy}"
        self.storage.put(name, encode(record))

    def build(
        self,
        at: datetime,
        study: Callable[[pa.Table], RowStudy] | None = None,
    ) -> pa.Table:
        """Build a data set, promote what would be trained on it, and return its rows."""
        pointer = ProductionPointer(
            version="1",
            bundle_uri="s3://bucket/bundle",
            sha256="0",
            reference_dataset_id=self.manifest.dataset_id,
            promoted_at=START,
        )
        lake = Lake(self.storage, catalog_in(self.storage), clock=lambda: at)
        self.manifest = build_dataset(
            self.storage,
            lake,
            self.definition,
            pointer,
            study=study,
            clock=lambda: at,
        )
        assert self.manifest == read_manifest(self.storage, "plant", self.manifest.dataset_id)
        return load_dataset(self.storage, "plant", self.manifest.dataset_id)


def newest(count: int) -> Callable[[pa.Table], RowStudy]:
    """Return what always chooses so many of the newest rows."""

    def choose(rows: pa.Table) -> RowStudy:
        assert rows["timestamp"].to_pylist() == sorted(rows["timestamp"].to_pylist())
        assert set(rows["split"].to_pylist()) == {TRAIN}
        window = TrainingWindow(rows=count, of=rows.num_rows, reason="as asked")
        return RowStudy(Aging(effects=()), window)

    return choose


def numbers(table: pa.Table) -> list[int]:
    """Return which rows of the log a table holds; those made by hand have no key."""
    return sorted(
        int(key.removeprefix("r")) for key in table["request_id"].to_pylist() if key is not None
    )


def test_ground_truth_that_comes_late_is_used_once(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket())
    for number in range(120):
        plant.predict(number, START + number * timedelta(hours=1))
    # Of the first 60 rows every third is labelled three days later, the others within minutes.
    late = set(range(0, 60, 3))
    for number in range(60):
        if number not in late:
            plant.label(number, START + number * timedelta(hours=1) + timedelta(minutes=5))
    first = plant.build(START + 60 * timedelta(hours=1))
    assert numbers(first) == [number for number in range(60) if number not in late]

    for number in range(60, 120):
        plant.label(number, START + number * timedelta(hours=1) + timedelta(minutes=5))
    for number in late:
        plant.label(number, START + number * timedelta(hours=1) + 3 * DAY)
    second = plant.build(START + 6 * DAY)
    assert numbers(second) == list(range(120))
    fresh = rows_of(second, HOLDOUT)
    assert numbers(fresh) == list(range(80, 120))  # half of 60 punctual and 20 late rows
    assert second.num_rows == HAND_MADE + 120
    assert plant.manifest.label_delay is not None
    assert plant.manifest.label_delay.median == 300
    assert plant.manifest.label_delay.max == 3 * DAY.total_seconds()


def test_a_label_that_lands_after_later_ones_is_not_lost(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket())
    for number in range(60):
        plant.predict(number, START + timedelta(minutes=number))
    for number in range(60):
        if number != 7:
            plant.label(number, START + timedelta(minutes=number, seconds=5))
    assert 7 not in numbers(plant.build(START + DAY / 2))
    # It was sent in time; its delivery took longer than the others'.
    plant.label(7, START + timedelta(minutes=7, seconds=5))
    for number in range(60, 120):
        plant.predict(number, START + DAY / 2 + timedelta(minutes=number))
        plant.label(number, START + DAY / 2 + timedelta(minutes=number, seconds=5))
    second = plant.build(START + DAY)
    assert numbers(second) == list(range(120))
    assert 7 in numbers(rows_of(second, TRAIN))


def test_a_corrected_label_replaces_the_one_that_was_taken(
    new_bucket: Callable[[], Storage],
) -> None:
    plant = Plant(new_bucket())
    for number in range(60):
        plant.predict(number, START + timedelta(minutes=number))
        plant.label(number, START + timedelta(minutes=number, seconds=5))
    plant.build(START + DAY / 4)
    plant.label(3, START + DAY / 2, 300.0)
    plant.label(4, START + DAY / 2, 4.0)  # said again, not changed
    for number in range(60, 100):
        plant.predict(number, START + DAY + timedelta(minutes=number))
        plant.label(number, START + DAY + timedelta(minutes=number, seconds=5))
    table = plant.build(START + 2 * DAY)
    assert numbers(table) == list(range(100))
    heights = dict(zip(table["request_id"].to_pylist(), table["height"].to_pylist(), strict=True))
    assert (heights["r3"], heights["r4"], heights["r5"]) == (300.0, 4.0, 5.0)
    assert plant.manifest.corrected_labels == 1


MINUTES = st.integers(0, 60) | st.integers(0, 60 * 24 * 5)  # from prediction to label
CORRECTIONS = st.sampled_from([None, 500.0, 700.0])  # instead of the outcome
LABELS_OF_A_ROW = st.lists(st.tuples(MINUTES, st.booleans(), CORRECTIONS), max_size=3)


@settings(max_examples=20)
@given(
    st.lists(LABELS_OF_A_ROW, min_size=60, max_size=60),
    st.lists(st.integers(40, 70), min_size=2, max_size=3),
)
def test_whatever_comes_late_or_twice_time_is_not_leaked_and_no_row_is_used_twice(
    new_bucket: Callable[[], Storage],
    labels: list[list[tuple[int, bool, float | None]]],
    hours: list[int],
) -> None:
    plant = Plant(new_bucket())
    said: dict[int, dict[datetime, float]] = {}
    predicted = {number: START + number * timedelta(hours=2) for number in range(60)}
    for number, at in predicted.items():
        plant.predict(number, at)
        for delay, twice, correction in [(1, False, None), *labels[number]][: number % 4 + 1]:
            came = at + timedelta(minutes=delay, seconds=number + 1)
            if came in said.setdefault(number, {}):  # two labels of one moment have no order
                continue
            said[number][came] = float(number) if correction is None else correction
            for copy in range(1 + twice):
                plant.label(number, came, said[number][came], copy)
    now = START
    for wait in hours:
        now += timedelta(hours=wait)
        before = plant.manifest
        try:
            table = plant.build(now)
        except NotEnoughDataError:
            continue
        used = numbers(table)
        assert len(used) == len(set(used))
        train, held_out = rows_of(table, TRAIN), rows_of(table, HOLDOUT)
        assert not set(numbers(train)) & set(numbers(held_out))
        assert rows_in_common(plant.definition, held_out, train) == 0
        assert pc.max(train["timestamp"]).as_py() < pc.min(held_out["timestamp"]).as_py()
        assert pc.min(held_out["timestamp"]).as_py() > before.last_timestamp
        # Every label that had come in by then is in it, and the last one counts. One may have been
        # stamped by a clock ahead of ours.
        ahead = now + CLOCK_SKEW
        known = {
            number: max(label for label in given.items() if label[0] < ahead)[1]
            for number, given in said.items()
            if predicted[number] < now and min(given) < ahead
        }
        heights = zip(table["request_id"].to_pylist(), table["height"].to_pylist(), strict=True)
        assert {int(key[1:]): value for key, value in heights if key} == known


@pytest.mark.parametrize("holdout", ["recent", "random"])
def test_a_row_labelled_before_the_data_set_made_by_hand_is_left_to_it(
    new_bucket: Callable[[], Storage], holdout: str
) -> None:
    plant = Plant(new_bucket(), holdout=holdout)
    plant.predict(0, START - DAY)
    plant.label(0, START - DAY / 2)
    plant.predict(1, START - DAY)
    plant.label(1, START + timedelta(minutes=1))
    for number in range(2, 60):
        plant.predict(number, START + timedelta(minutes=number))
        plant.label(number, START + timedelta(minutes=number, seconds=5))
    assert numbers(plant.build(START + DAY)) == list(range(1, 60))


def test_nothing_later_than_the_holdout_is_trained_on(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket())
    for number in range(100):
        plant.predict(number, START + number * timedelta(hours=1))
    for number in range(40, 100):
        plant.label(number, START + number * timedelta(hours=1))
    plant.build(START + 5 * DAY)
    # Only older rows get their labels: they can be trained on and prove nothing.
    for number in range(40):
        plant.label(number, START + 6 * DAY)
    with pytest.raises(NotEnoughDataError, match=r"0 labelled rows since .* 20 are needed"):
        plant.build(START + 7 * DAY)

    for number in range(100, 130):
        plant.predict(number, START + 7 * DAY + timedelta(hours=number))
        plant.label(number, START + 7 * DAY + timedelta(hours=number, minutes=1))
    table = plant.build(START + 14 * DAY)
    train, held_out = rows_of(table, TRAIN), rows_of(table, HOLDOUT)
    assert pc.max(train["timestamp"]).as_py() < pc.min(held_out["timestamp"]).as_py()
    assert numbers(held_out) == list(range(100, 130))
    assert numbers(train) == list(range(100))


def test_ground_truth_is_not_waited_for_for_ever(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket(), retraining={"label_wait": "2 days"})
    plant.predict(0, START + timedelta(minutes=1))
    plant.label(0, START + 9 * DAY)
    for number in range(1, 40):
        plant.predict(number, START + 8 * DAY + timedelta(minutes=number))
        plant.label(number, START + 8 * DAY + timedelta(minutes=number, seconds=5))
    plant.build(START + 8 * DAY + DAY / 2)
    for number in range(40, 80):
        plant.predict(number, START + 9 * DAY + timedelta(minutes=number))
        plant.label(number, START + 9 * DAY + timedelta(minutes=number, seconds=5))
    assert numbers(plant.build(START + 10 * DAY)) == list(range(1, 80))


def test_forecasts_whose_outcome_the_holdout_could_not_know_wait_for_the_next_time(
    new_bucket: Callable[[], Storage],
) -> None:
    plant = Plant(
        new_bucket(), task="time_series", forecast={"horizon": 7, "seasonal_naive": "water"}
    )
    for number in range(40):
        plant.predict(number, START + number * timedelta(hours=1))
        plant.label(number, START + (number + 7) * timedelta(hours=1))
    table = plant.build(START + 3 * DAY)
    assert numbers(rows_of(table, HOLDOUT)) == list(range(20, 40))
    assert numbers(rows_of(table, GAP)) == list(range(14, 20))
    assert numbers(rows_of(table, TRAIN)) == list(range(14))
    assert plant.manifest.train_rows == HAND_MADE + 14
    assert plant.manifest.holdout_rows == 20

    for number in range(40, 80):
        plant.predict(number, START + 3 * DAY + number * timedelta(hours=1))
        plant.label(number, START + 3 * DAY + (number + 7) * timedelta(hours=1))
    table = plant.build(START + 9 * DAY)
    assert numbers(rows_of(table, TRAIN)) == list(range(54))


def test_of_the_rows_to_train_on_the_chosen_ones_are_kept(
    new_bucket: Callable[[], Storage],
) -> None:
    plant = Plant(
        new_bucket(), task="time_series", forecast={"horizon": 7, "seasonal_naive": "water"}
    )
    for number in range(60):
        plant.predict(number, START + number * DAY)
        plant.label(number, START + number * DAY + timedelta(hours=1))
    everything = plant.build(START + 60 * DAY, newest(20))
    manifest = plant.manifest
    assert manifest.window == TrainingWindow(rows=20, of=54, reason="as asked")
    assert (manifest.rows, manifest.train_rows, manifest.holdout_rows) == (90, 20, 30)
    assert (manifest.older_rows, manifest.new_train_rows) == (34, 24)
    # Held out are the newest rows, before them lies the gap, and before that what was chosen.
    assert numbers(rows_of(everything, TRAIN)) == list(range(4, 24))
    assert numbers(rows_of(everything, GAP)) == list(range(24, 30))
    assert numbers(rows_of(everything, HOLDOUT)) == list(range(30, 60))
    assert numbers(rows_of(everything, OLDER)) == list(range(4))
    assert without_older(everything).num_rows == 56

    # What was left out is no more lost than the holdout: the next data set may have all of it.
    for number in range(60, 100):
        plant.predict(number, START + number * DAY)
        plant.label(number, START + number * DAY + timedelta(hours=1))
    again = plant.build(START + 100 * DAY)
    assert numbers(rows_of(again, TRAIN)) == list(range(74))
    assert (plant.manifest.older_rows, plant.manifest.rows) == (0, 130)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"features": {"water": {"type": "float"}, "sun": {"type": "float"}}}, "sun"),
        ({"features": {"water": {"type": "category"}}}, "water"),
        ({"target": "weight"}, "weight"),
        ({"task": "classification"}, "height"),
    ],
)
def test_a_definition_that_asks_for_what_no_row_has_waits_for_a_file(
    new_bucket: Callable[[], Storage], change: dict[str, Any], missing: str
) -> None:
    plant = Plant(new_bucket())
    values = plant.definition.model_dump(exclude_none=True, exclude_defaults=True) | change
    plant.definition = ModelDefinition.model_validate(values)
    says = f"no labelled row has {missing} as model.toml asks.*`evergreen train plant --data FILE`"
    with pytest.raises(NotEnoughDataError, match=says):
        plant.build(START + DAY)


def test_rows_that_are_held_out_at_random_have_no_newest(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket(), holdout="random")
    for number in range(60):
        plant.predict(number, START + number * DAY)
        plant.label(number, START + number * DAY + timedelta(hours=1))
    plant.build(START + 60 * DAY, newest(20))
    assert plant.manifest.window is None
    assert plant.manifest.rows == HAND_MADE + 60


@pytest.mark.parametrize("rows", [39, 40])
def test_without_a_setting_half_of_forty_rows_are_enough_to_judge_on(
    new_bucket: Callable[[], Storage], rows: int
) -> None:
    plant = Plant(new_bucket(), evaluation={})
    for number in range(rows):
        plant.predict(number, START + number * timedelta(hours=1))
        plant.label(number, START + 6 * DAY)
    if rows < 40:
        with pytest.raises(NotEnoughDataError, match=r"39 labelled rows .* 40 are needed"):
            plant.build(START + 7 * DAY)
    else:
        assert rows_of(plant.build(START + 7 * DAY), HOLDOUT).num_rows == 20


def test_rows_of_a_renamed_feature_are_kept(new_bucket: Callable[[], Storage]) -> None:
    plant = Plant(new_bucket())
    for number in range(40):
        moment = START + number * timedelta(hours=1)
        plant.predict(number, moment)
        plant.label(number, moment + timedelta(minutes=1))
    before = load_dataset(plant.storage, "plant", plant.manifest.dataset_id)
    values = plant.definition.model_dump(exclude_none=True)
    rain = {"type": "float", "renamed_from": "water"}
    plant.definition = ModelDefinition.model_validate({**values, "features": {"rain": rain}})
    rows = plant.build(START + 2 * DAY)
    assert sorted(rows["rain"].to_pylist()) == sorted(
        [*map(float, range(30)), *map(float, range(40))]
    )
    assert "water" not in rows.column_names
    assert rows_in_common(plant.definition, rows, before) == HAND_MADE

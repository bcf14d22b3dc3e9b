"""Each example can be shown, and a story can change what it is shown on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shared.demo_steps import Story, example_row
from cli.shared.examples import MODELS, NoExampleError, find_example, labelled_rows_of
from evergreen.errors import UnknownModelError
from evergreen.model_definition import load_definitions
from tests.support.trained_models import TOML

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("model", sorted(load_definitions(MODELS)))
def test_an_example_has_what_the_loop_needs(model: str) -> None:
    example = find_example(model)
    definition = example.definition
    assert set(example.trained_on) < set(range(min(example.trained_on), max(example.replayed)))
    assert max(example.trained_on) < min(example.replayed)
    rows = example.load(example.replayed[:1], example.fraction)
    assert {*definition.features, definition.target, "timestamp"} == set(rows.columns)
    assert rows["timestamp"].is_monotonic_increasing
    # A period must be enough for a drift check and for a comparison.
    assert len(rows) >= (definition.evaluation.min_labelled_rows or 1000)
    assert len(rows) >= (definition.drift.min_rows or 200)
    assert example.period_name(example.replayed[0])
    assert list(example_row(model)) == list(definition.features)


def test_a_story_changes_what_it_gives() -> None:
    plain = Story().example()
    assert plain.definition.name == "flight_delay"
    assert (plain.trained_on, plain.replayed, plain.fraction) == ((1, 2), (3, 4, 5, 6, 7), 0.3)
    short = Story(replayed=(5,), fraction=0.15).example()
    assert (short.trained_on, short.replayed, short.fraction) == ((1, 2), (5,), 0.15)


def test_a_share_of_a_time_series_is_refused() -> None:
    assert Story("daily_ridership", fraction=1.0).example().fraction == 1
    with pytest.raises(NoExampleError, match="cannot be sampled"):
        Story("daily_ridership", fraction=0.5).example()


def test_a_model_made_from_a_file_is_trained_on_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    (models / "late_bus").mkdir(parents=True)
    (models / "late_bus" / "model.toml").write_text(TOML)
    monkeypatch.setattr("cli.shared.examples.MODELS", models)
    with pytest.raises(NoExampleError, match="`evergreen train late_bus --data FILE`"):
        find_example("late_bus")
    rows = labelled_rows_of(models, "late_bus")
    rows.parent.mkdir(parents=True)
    rows.touch()
    with pytest.raises(NoExampleError, match=r"--data \.evergreen/data/late_bus\.parquet`"):
        find_example("late_bus")


def test_a_model_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownModelError, match="flight_duration"):
        Story("flight_price").example()

"""Events as they are put on the bus, and as another version reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import EvergreenError
from evergreen.events import EVENT_MODELS, Events, EventType, read_event
from tests.support.sample_events import SAMPLES


class Bus:
    """Takes events and keeps them, or refuses them: EventBridge cannot be asked to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refuses = refuses

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.entries += Entries
        refused = [{"ErrorMessage": "out of order"}] if self.refuses else []
        return {"FailedEntryCount": len(refused), "Entries": refused}


def test_every_type_has_one_model_and_the_models_name_their_types() -> None:
    assert set(EVENT_MODELS) == set(EventType) == set(SAMPLES)
    assert all(event.event_type == kind for kind, event in EVENT_MODELS.items())


@pytest.mark.parametrize("kind", EventType)
def test_what_is_put_on_the_bus_is_read_back(kind: EventType) -> None:
    bus = Bus()
    event = read_event(kind, SAMPLES[kind])
    Events("bus", bus).put(event)  # type: ignore[arg-type]
    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"]) == ("evergreen", kind)
    detail = json.loads(entry["Detail"])
    assert read_event(kind, detail) == event
    assert detail["schema_version"] == 1


@pytest.mark.parametrize("kind", EventType)
@given(name=st.text(min_size=1), value=st.integers() | st.text() | st.none())
def test_a_field_of_a_newer_version_is_ignored(
    kind: EventType, name: str, value: int | str | None
) -> None:
    newer = {name: value} | SAMPLES[kind] | {"schema_version": 2}
    read = read_event(kind, newer)
    assert read.schema_version == 2
    assert read.model_copy(update={"schema_version": 1}) == read_event(kind, SAMPLES[kind])


@pytest.mark.parametrize("kind", EventType)
def test_each_missing_field_is_named(kind: EventType) -> None:
    required = [
        name for name, field in EVENT_MODELS[kind].model_fields.items() if field.is_required()
    ]
    assert {"model"} < set(required)
    for name in required:
        lacking = {key: value for key, value in SAMPLES[kind].items() if key != name}
        with pytest.raises(EvergreenError, match=f"event '{kind}': {name}: Field required"):
            read_event(kind, lacking)


def test_an_event_that_does_not_exist_is_refused() -> None:
    with pytest.raises(EvergreenError, match=r"no event is called 'Model Admired'.*Model Promoted"):
        read_event("Model Admired", {})


def test_a_bus_that_refuses_is_an_error() -> None:
    event = read_event("Model Promoted", SAMPLES[EventType.MODEL_PROMOTED])
    with pytest.raises(EvergreenError, match=r"EventBridge refused .*: out of order"):
        Events("bus", Bus(refuses=True)).put(event)  # type: ignore[arg-type]

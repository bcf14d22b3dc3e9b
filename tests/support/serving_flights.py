"""A deployment in which the example of flights serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.shared.demo_steps import MODEL, MODELS
from cli.shared.loop_observation import Loop
from cli.shared.progress import Steps
from evergreen.deployment.by_hand import train_and_promote
from evergreen.model_definition import find_definition
from models.flight_delay.data import load_flights

if TYPE_CHECKING:
    from cli.shared.target import Target
    from cli.shared.traffic import Api


def wait_until_flights_serve(deployed: Target, api: Api) -> None:
    """Wait until the version in production answers; train and promote one if there is none."""
    definition = find_definition(MODELS, MODEL)
    loop = Loop(deployed, definition)
    if loop.pointer() is None:
        flights = load_flights([1, 2], 0.1)
        with Steps() as steps, steps.step("train", "Train") as say:
            train_and_promote(deployed, definition, MODELS / MODEL, flights, "flights", say)
    pointer = loop.pointer()
    assert pointer is not None
    loop.wait_until_serving(api, pointer.version)

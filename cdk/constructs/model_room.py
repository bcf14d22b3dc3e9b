"""The place of a model's resources: a nested stack on AWS, because a stack has at most 500."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import NestedStack, Tags
from constructs import Construct

from cdk.naming import camel_case

if TYPE_CHECKING:
    from cdk.settings import Settings


def model_room(scope: Construct, model: str, settings: Settings) -> Construct:
    """Return where to put the resources of one model; a second call returns the same place.

    A stack on an emulator holds everything itself. Few models run on a laptop, and LocalStack
    cannot reliably update nested stacks.
    """
    if settings.emulator:
        return scope
    name = f"Nested{camel_case(model)}"
    known = scope.node.try_find_child(name)
    if isinstance(known, Construct):
        return known
    made = NestedStack(scope, name)
    Tags.of(made).add("model", model)
    return made

"""Which function writes what and which reads it, from the permissions in the templates.

A function can touch nothing that its role does not allow, so the permissions are what there is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STORES = (
    "delivery streams",
    "request log, as landed",
    "labels, as landed",
    "request log, table",
    "labels, table",
    "datasets",
    "registry",
    "bundles",
    "shadow",
    "decisions",
    "production pointer",
    "drift",
    "event bus",
    "locks",
    "alerts",
)
"""What is written and read, in the order of the loop; others come after them."""

_ACTIONS = {
    "s3:PutObject": (None, True),
    "s3:GetObject": (None, False),
    "ssm:PutParameter": ("production pointer", True),
    "ssm:GetParameter": ("production pointer", False),
    "events:PutEvents": ("event bus", True),
    "firehose:PutRecordBatch": ("delivery streams", True),
}
"""The store of an action, None for the object's own, and whether it writes."""
_TABLES = {"request-log": "request log", "labels": "labels"}
_NAMES = {
    "labels": "labels stream",
    "requests": "request stream",
    "notifications notify": "notify",
    "compact logs table optimizer": "table optimizer",
}
_OF_A_MODEL = re.compile(r"^Model[A-Z]\w*?(?=Predict|Stream|Requests|Labels)")
_STACK = re.compile(r"Evergreen-?[a-z0-9]+-?([A-Z][a-z]+)")
"""Of a stack's file, or of one that is nested in it: the last part of the stack's name."""
_POINTER = "/production"


@dataclass(frozen=True, slots=True, order=True)
class StoreAccess:
    """A function that may write to a store, or read it."""

    stack: str
    function: str
    store: str
    writes: bool


def read_flows(folder: Path) -> list[StoreAccess]:
    """Return what the roles of all functions and streams may do, each once, sorted.

    Parameters
    ----------
    folder
        Where the templates of the app were written, those of nested stacks too.
    """
    found: set[StoreAccess] = set()
    for file in folder.glob("*.template.json"):
        stack = _STACK.match(file.name)
        if stack is not None:
            found |= {*_of_stack(stack[1], json.loads(file.read_text(encoding="utf-8")))}
    return sorted(found)


def _of_stack(stack: str, template: Mapping[str, Any]) -> Iterator[StoreAccess]:
    for item in template.get("Resources", {}).values():
        if item["Type"] != "AWS::IAM::Policy":
            continue
        (role,) = (each["Ref"] for each in item["Properties"]["Roles"] if "Ref" in each)
        function = _name(role)
        for statement in item["Properties"]["PolicyDocument"]["Statement"]:
            for store, writes in _touched(statement):
                yield StoreAccess(stack, function, store, writes)


def _touched(statement: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for action in _listed(statement["Action"]):
        store, writes = _ACTIONS.get(action, ("", False))
        for resource in map(_text, _listed(statement["Resource"])):
            if store is None:
                _, inside, key = resource.partition(">/")
                if inside:
                    yield from ((name, writes) for name in _stores(key))
            elif store and (store != "production pointer" or resource.endswith(_POINTER)):
                yield store, writes


def _stores(key: str) -> list[str]:
    """Return the stores that a pattern of keys reaches."""
    first, _, rest = key.partition("/")
    if first not in _TABLES:
        return [first]
    parts = {"raw": "as landed", "table": "table"}
    # Beside them are only what a commit has still to do, and what could not be delivered.
    return [
        f"{_TABLES[first]}, {name}" for part, name in parts.items() if rest.startswith((part, "*"))
    ]


def _name(role: str) -> str:
    """Return a function's name as people know it, from the logical id of its role."""
    plain = _OF_A_MODEL.sub("", role)
    plain = re.sub(r"(Service)?Role.*$", "", plain)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower() or role
    return _NAMES.get(words, words)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - CloudFormation has one or a list
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:  # noqa: ANN401 - a string or any intrinsic function
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_text, parts))
        case {"Ref": name} | {"Fn::ImportValue": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return str(value)

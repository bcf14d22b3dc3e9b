"""The fields of a pydantic model as rows of a reference: name, type, range, default, meaning."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from cdk.periods import period_text
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

REQUIRED = "required"
_BOUNDS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
}
_TYPES = {"boolean": "`true` or `false`"}


@dataclass(frozen=True, slots=True)
class Documented:
    """One field, in words.

    Parameters
    ----------
    name
        Its name, as it is written in the file or the event.
    allowed
        The type and the allowed values.
    default
        What counts where it is not given; :data:`REQUIRED` if it has to be.
    description
        Its docstring, as Markdown on one line.
    """

    name: str
    allowed: str
    default: str
    description: str


def documented(model: type[BaseModel], *, absent: str = "none") -> Iterable[Documented]:
    """Yield the fields of a model in their order, without those of nested models.

    Parameters
    ----------
    model
        A pydantic model with a docstring below each field. They are read from its source:
        pydantic could do it, but would do it at every cold start of a function.
    absent
        What stands for a default of None.

    Raises
    ------
    EvergreenError
        If a field has no docstring.
    """
    schema = model.model_json_schema()
    docstrings = _docstrings(model)
    for name, field in model.model_fields.items():
        if name not in docstrings:
            raise EvergreenError(
                "the field has no description",
                where=f"{model.__name__}.{name}",
                fix="Write a docstring below it: unit, and what it steers.",
            )
        allowed = _allowed(schema["properties"][name], schema.get("$defs", {}))
        default = _default(field, absent)
        if default == REQUIRED and {"type": "null"} in schema["properties"][name].get("anyOf", ()):
            allowed += " or null"
        yield Documented(name, allowed, default, markdown(docstrings[name]))


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a model's fields by name, inherited ones included."""
    found = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(node, ast.ClassDef)  # it is the source of a class
        for field, text in pairwise(node.body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(said))),
                ):
                    found[name] = inspect.cleandoc(said)
    return found


def markdown(text: str) -> str:
    """Return a docstring's text as Markdown on one line."""
    text = re.sub(r":[a-z]+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return " ".join(text.replace("``", "`").split())


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(value: object) -> str:
    """Write a default as the file has it: JSON, and TOML's inline table for a nested model."""
    if isinstance(value, timedelta):
        return json.dumps(period_text(value))
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    if fields := getattr(type(value), "model_fields", None):
        parts = ", ".join(f"{name} = {written(getattr(value, name))}" for name in fields)
        return f"{{ {parts} }}"
    return json.dumps(value)


def _default(field: FieldInfo, absent: str) -> str:
    if field.default is PydanticUndefined:
        return REQUIRED
    if field.default is None:
        return absent
    return f"`{written(field.default)}`"


def _allowed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found = definitions[name]
        return _allowed(found, definitions) if "enum" in found else name
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return ", ".join(f"`{json.dumps(value)}`" for value in values)
    if "anyOf" in schema:
        options = [_allowed(each, definitions) for each in schema["anyOf"]]
        return " or ".join(option for option in options if option != "null")
    return _plain(schema, definitions)


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    kind = schema["type"]
    if kind == "array":
        inner = schema.get("items") or schema["prefixItems"][0]
        return f"list of {_allowed(inner, definitions)}"
    if kind == "object":
        [values] = schema.get(
            "patternProperties", {"": schema.get("additionalProperties")}
        ).values()
        return f"table: name to {_allowed(values, definitions)}"
    if kind == "string":
        return _text(schema)
    bounds = [f"{sign} {schema[key]:g}" for key, sign in _BOUNDS.items() if key in schema]
    return ", ".join([_TYPES.get(kind, kind), *bounds])


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "duration":
        return 'period, such as `"6 hours"`'
    if schema.get("format") == "date-time":
        return "time (RFC 3339)"
    if "pattern" in schema:
        return f"text like `{schema['pattern'].replace('|', chr(92) + '|')}`"
    return "text, not empty" if schema.get("minLength") else "text"

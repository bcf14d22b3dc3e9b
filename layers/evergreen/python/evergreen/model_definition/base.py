"""What every section of a model definition is built from: strictness, periods and names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from evergreen.clock import parse_period

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _period(value: object) -> object:
    return parse_period(value) if isinstance(value, str) else value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("use 1 to 40 lower-case letters, digits and underscores, a letter first")
    return value


Period = Annotated[timedelta, BeforeValidator(_period)]
Name = Annotated[str, AfterValidator(_name)]


class Strict(BaseModel):
    """Base of all definitions: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

"""Settings of the function that exports metrics."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import BeforeValidator, Field

from functions.shared.environment import Environment

Quantile = Annotated[float, Field(gt=0, lt=1)]


class Settings(Environment):
    """Environment of the function."""

    api_key_id: str = Field(alias="EVERGREEN_API_KEY_ID")
    quantiles: Annotated[tuple[Quantile, ...], BeforeValidator(str.split)] = Field(
        alias="EVERGREEN_QUANTILES"
    )
    """The quantiles to request; not every CloudWatch supports percentiles."""
    answer_seconds: float = Field(alias="EVERGREEN_ANSWER_SECONDS", default=60, gt=0)
    """How long an answer is given again, because CloudWatch charges for each metric that is read.
    """


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()

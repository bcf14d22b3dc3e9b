"""The types of the settings: which texts a key takes, and what becomes of them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from evergreen.clock import parse_period


def _absent(value: object) -> object:
    return None if value in ("", "null", "none") else value


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _parsed(value: object) -> object:
    if value == "":
        return {}
    return json.loads(value) if isinstance(value, str) else value


def _checked_period(value: str) -> str:
    parse_period(value)
    return value


Unset = BeforeValidator(_absent)
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Tracking = Annotated[str, Field(pattern=r"^(none|sagemaker|fargate|https?://.+)$")]
TrackingArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(tracking-server|app)/.+$"),
]
SecretArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")
]
PeriodText = Annotated[
    str,
    AfterValidator(_checked_period),
    WithJsonSchema({"type": "string", "format": "duration"}),
]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]
CertificateArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+$")
]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")]
Kept = Literal["plain", "hashed", "off"]
Listed = BeforeValidator(_split)
BasePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")]
Parsed = BeforeValidator(_parsed)
TypeName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/\s,]+)$")]
KeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
ImageDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Cidr = Annotated[str, Field(pattern=r"^(\d{1,3}\.){3}\d{1,3}/\d{1,2}$")]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")]


class KeyPlan(BaseModel):
    """The limits of one API key; what is not given is that of the API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: Annotated[int, Field(ge=1, le=10_000)] | None = None
    requests_burst: Annotated[int, Field(ge=1, le=5_000)] | None = None
    requests_per_month: Annotated[int, Field(ge=1)] | None = None

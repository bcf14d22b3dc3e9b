"""The production pointer: which bundle serves a model. A promotion writes it.

The pointer also has the shadow slot, for a challenger that scores live traffic.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.errors import EvergreenError, NoProductionModelError, PointerError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterHistoryTypeDef

_ATTEMPTS = 5

_log = logging.getLogger(__name__)


class ShadowSlot(BaseModel):
    """The shadow slot: a challenger that scores the same rows without answering them."""

    model_config = ConfigDict(frozen=True)

    version: str
    """The challenger's version."""
    bundle_uri: str
    """Its bundle, as in the pointer itself."""
    sha256: str
    """SHA-256 of the bundle's manifest, as in the pointer itself."""
    started_at: datetime
    """Since when it scores."""
    owner: str | None = None
    """ARN of the execution that filled the slot; None if a person did."""


class ProductionPointer(BaseModel):
    """The production pointer: the version that serves a model now, and the previous one."""

    model_config = ConfigDict(frozen=True)

    version: str
    """The version that serves."""
    bundle_uri: str
    """``s3://bucket/bundles/<model>/<version>/``, with the slash."""
    sha256: str
    """SHA-256 of the bundle's ``manifest.json``, which has the SHA-256 of every other file."""
    reference_dataset_id: str
    """Its data set, which drift checks compare with."""
    promoted_at: datetime
    """When it was promoted, or brought back."""
    metric: float | None = None
    """The deciding metric on the holdout at promotion."""
    previous: str | None = None
    """The version that served before, if there was one."""
    rolled_back: bool = False
    """Whether a rollback wrote this pointer, and not a promotion."""
    shadow: ShadowSlot | None = None
    """The challenger that scores beside it, if there is one."""


class Pointers(Protocol):
    """What is enough to know which version serves."""

    def read(self, model: str) -> ProductionPointer | None:
        """Return the model's pointer, or None if nothing has been promoted yet."""

    def read_last_valid(self, model: str) -> ProductionPointer | None:
        """Return the same, or if that is no pointer, the newest that is one."""


class Production:
    """Reads and writes the production pointers of one stage (SSM Parameter Store).

    Parameters
    ----------
    stage
        Deployment stage; pointers live at ``/evergreen/<stage>/<model>/production``.
    client
        A boto3 SSM client.
    """

    def __init__(self, stage: str, client: SSMClient) -> None:
        self._stage = stage
        self._client = client

    def parameter(self, model: str) -> str:
        """Return the name of the model's parameter."""
        return f"/evergreen/{self._stage}/{model}/production"

    def read(self, model: str) -> ProductionPointer | None:
        """Return the model's pointer, or None if nothing has been promoted yet.

        Raises
        ------
        PointerError
            If the parameter's value is not a pointer.
        """
        found = self._read(model)
        return None if found is None else found[0]

    def read_last_valid(self, model: str) -> ProductionPointer | None:
        """Return the model's pointer, or if its value is not a pointer, the newest that is one.

        That is the pointer that functions with a loaded model still follow. Decisions use it, so
        that a damaged pointer can be replaced. None if nothing has been promoted yet, or if no
        value that Parameter Store has is a pointer.
        """
        try:
            return self.read(model)
        except PointerError:
            served = self._all(model)
            return served[-1][1] if served else None

    def write(self, model: str, pointer: ProductionPointer) -> None:
        """Write the pointer: the commit point of a promotion or a rollback."""
        self._put(model, pointer)

    def withdraw(self, model: str) -> None:
        """Delete the pointer and its history; nothing is in production then."""
        with suppress(self._client.exceptions.ParameterNotFound):
            self._client.delete_parameter(Name=self.parameter(model))

    def set_shadow(self, model: str, slot: ShadowSlot | None) -> bool:
        """Fill the pointer's shadow slot, or empty it; return whether that changed anything.

        The version that serves is never changed, even if another process writes the pointer at the
        same time. Parameter Store has no conditional write, but it numbers its writes. A gap in the
        numbers shows that a write came in between. That write is then repeated with the new slot.

        Raises
        ------
        NoProductionModelError
            If no version is in production.
        PointerError
            If the parameter's value is not a pointer.
        """
        found = self._read(model)
        if found is None:
            raise NoProductionModelError(
                f"no version of {model!r} is in production", fix="Promote one first."
            )
        pointer, number = found
        if pointer.shadow == slot:
            return False
        for _ in range(_ATTEMPTS):
            written = self._put(model, pointer.model_copy(update={"shadow": slot}))
            if written == number + 1:
                return True
            overwritten = self._numbered(model, written - 1)
            if overwritten is None or overwritten == pointer:
                return True
            pointer, number = overwritten, written
        raise EvergreenError(
            "the pointer kept changing while its shadow slot was set", where=self.parameter(model)
        )

    def history(self, model: str) -> list[ProductionPointer]:
        """Return the pointers that the model has had, oldest first (SSM keeps the last 100).

        A value that is not a pointer is left out, and the log names it. A change of the shadow slot
        does not change the version that serves, so it is left out too.
        """
        served: list[ProductionPointer] = []
        for _, pointer in self._all(model):
            plain = pointer.model_copy(update={"shadow": None})
            if not served or served[-1] != plain:
                served.append(plain)
        return served

    def _read(self, model: str) -> tuple[ProductionPointer, int] | None:
        try:
            found = self._client.get_parameter(Name=self.parameter(model))["Parameter"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise
        try:
            return ProductionPointer.model_validate_json(found["Value"]), found["Version"]
        except ValidationError as error:
            raise PointerError(
                f"its value is not a production pointer: {_first_fault(error)}",
                where=self.parameter(model),
                fix=f"Put the last valid pointer back with `evergreen rollback {model}`.",
            ) from error

    def _put(self, model: str, pointer: ProductionPointer) -> int:
        answer = self._client.put_parameter(
            Name=self.parameter(model),
            Value=pointer.model_dump_json(),
            Type="String",
            Overwrite=True,
        )
        return answer["Version"]

    def _all(self, model: str) -> list[tuple[int, ProductionPointer]]:
        found = []
        for item in self._values(model):
            try:
                pointer = ProductionPointer.model_validate_json(item["Value"])
            except ValidationError as error:
                name, number = self.parameter(model), item["Version"]
                _log.warning("%s:%s is not a pointer: %s", name, number, _first_fault(error))
                continue
            found.append((item["Version"], pointer))
        return found

    def _values(self, model: str) -> list[ParameterHistoryTypeDef]:
        pages = self._client.get_paginator("get_parameter_history")
        try:
            return [
                item
                for page in pages.paginate(Name=self.parameter(model))
                for item in page["Parameters"]
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return []
            raise

    def _numbered(self, model: str, number: int) -> ProductionPointer | None:
        return dict(self._all(model)).get(number)


def _first_fault(error: ValidationError) -> str:
    """Return the first fault without the value, which may be anything."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]

"""The production pointer: which bundle serves a model. A promotion writes it.

The pointer also has the shadow slot, for a challenger that scores live traffic.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from evergreen.errors import EvergreenError, NoProductionModelError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_ATTEMPTS = 5


class ShadowSlot(BaseModel):
    """The shadow slot: a challenger that scores the same rows without answering them."""

    model_config = ConfigDict(frozen=True)

    version: str
    bundle_uri: str
    sha256: str
    """SHA-256 of the bundle's manifest, as in the pointer itself."""
    started_at: datetime
    owner: str | None = None
    """ARN of the execution that filled the slot; None if a person did."""


class ProductionPointer(BaseModel):
    """The production pointer: the version that serves a model now, and the previous one."""

    model_config = ConfigDict(frozen=True)

    version: str
    bundle_uri: str
    """``s3://bucket/bundles/<model>/<version>/``, with the slash."""
    sha256: str
    """SHA-256 of the bundle's ``manifest.json``, which has the SHA-256 of every other file."""
    reference_dataset_id: str
    promoted_at: datetime
    metric: float | None = None
    """The deciding metric on the holdout at promotion."""
    previous: str | None = None
    """The version that served before, if there was one."""
    rolled_back: bool = False
    """Whether a rollback wrote this pointer, and not a promotion."""
    shadow: ShadowSlot | None = None


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
        """Return the model's pointer, or None if nothing has been promoted yet."""
        found = self._read(model)
        return None if found is None else found[0]

    def write(self, model: str, pointer: ProductionPointer) -> None:
        """Write the pointer: the commit point of a promotion or a rollback."""
        self._put(model, pointer)

    def set_shadow(self, model: str, slot: ShadowSlot | None) -> bool:
        """Fill the pointer's shadow slot, or empty it; return whether that changed anything.

        The version that serves is never changed, even if another process writes the pointer at the
        same time. Parameter Store has no conditional write, but it numbers its writes. A gap in the
        numbers shows that a write came in between. That write is then repeated with the new slot.

        Raises
        ------
        NoProductionModelError
            If no version is in production.
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

        A change of the shadow slot does not change the version that serves, so it is left out.
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
        return ProductionPointer.model_validate_json(found["Value"]), found["Version"]

    def _put(self, model: str, pointer: ProductionPointer) -> int:
        answer = self._client.put_parameter(
            Name=self.parameter(model),
            Value=pointer.model_dump_json(),
            Type="String",
            Overwrite=True,
        )
        return answer["Version"]

    def _all(self, model: str) -> list[tuple[int, ProductionPointer]]:
        pages = self._client.get_paginator("get_parameter_history").paginate(
            Name=self.parameter(model)
        )
        return [
            (item["Version"], ProductionPointer.model_validate_json(item["Value"]))
            for page in pages
            for item in page["Parameters"]
        ]

    def _numbered(self, model: str, number: int) -> ProductionPointer | None:
        return dict(self._all(model)).get(number)

"""A deployment in one process, for tests of commands: its AWS is moto."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cdk.naming import camel_case
from cli.shared.target import Target
from tests.support.lake_tables import catalog_in
from tests.support.release_bench import BUS
from tests.support.trained_models import DEFINITION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.lake.catalog import LakeCatalog
    from tests.support.aws_in_process import Account


@dataclass(frozen=True)
class TargetInProcess(Target):
    """A deployment with a data bucket, whose clients moto answers."""

    account: Account

    @classmethod
    def of(cls, account: Account) -> TargetInProcess:
        """Return the deployment in an account."""
        account.storage()
        return cls("dev", {}, account)

    def client(self, service: str, config: Any = None) -> Any:
        """Return the account's client."""
        return self.account.client(service, config)

    @cached_property
    def lake_tables(self) -> LakeCatalog:
        """The lake's tables, in memory."""
        return catalog_in(self.storage)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs that commands need which call no function."""
        return {
            "BucketName": "data",
            "EventBusName": BUS,
            "Tracking": "none",
            f"PredictFunctionName{camel_case(DEFINITION.name)}": "predict",
        }

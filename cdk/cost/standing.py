"""The standing cost of templates: what is billed by the month or hour, with or without traffic."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from cdk.capacity import WORKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from cdk.settings import Settings
    from evergreen.model_definition import ModelDefinition

RUN_SECONDS = 8
"""Taken for the billed seconds of a compaction or drift check that finds no new rows. Its imports
take 1.4 s and 3.4 s of processor time here, and are taken to take twice as long from the disk of a
new function; no run was measured on AWS."""
_HOUR = timedelta(hours=1)
_SECONDS_AN_HOUR = 3600
_MIB_A_GB = 1024
_ONE_OF_EACH = {
    "AWS::KMS::Key": ("Encryption keys", "kms_key"),
    "AWS::CloudWatch::Alarm": ("Alarms", "alarm"),
    "AWS::CloudWatch::Dashboard": ("CloudWatch dashboard", "dashboard"),
    "AWS::SecretsManager::Secret": ("Secrets", "secret"),
    "AWS::Route53::HostedZone": ("Private DNS zone", "hosted_zone"),
    "AWS::EC2::NatGateway": ("NAT gateway", "nat_gateway"),
    "AWS::EC2::EIP": ("Public address", "address"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Load balancer", "load_balancer"),
}
BILLED_BY_USE = (
    *("AWS::IAM::", "AWS::Logs::", "AWS::ApiGateway::", "AWS::Lambda::", "AWS::Events::"),
    *(
        "AWS::Scheduler::",
        "AWS::CloudFormation::",
        "AWS::CodeDeploy::",
        "AWS::KinesisFirehose::",
        "AWS::S3::",
    ),
    *("AWS::SQS::", "AWS::SNS::", "AWS::Glue::", "AWS::StepFunctions::", "AWS::Athena::"),
    *("AWS::EC2::Subnet", "AWS::EC2::Route", "AWS::EC2::SecurityGroup", "AWS::EC2::VPC"),
    *("AWS::EC2::InternetGateway", "AWS::EC2::FlowLog", "AWS::ECS::", "AWS::RDS::DBSubnetGroup"),
    *("AWS::RDS::DBParameterGroup", "AWS::SecretsManager::SecretTargetAttachment"),
    *("AWS::ElasticLoadBalancingV2::", "AWS::Route53::RecordSet", "Custom::"),
)
"""Kinds of resources, by their beginning, that cost nothing while nobody uses them. Services on ECS
and functions with a snapshot have a line of their own."""


class Price(BaseModel):
    """A price, with the page that says it."""

    model_config = ConfigDict(frozen=True)

    dollars: float
    per: str
    page: str
    said_by: str
    free: float = 0
    """What is free each month in every account, for good."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one day."""

    date: date
    hours: float
    """Hours of a month."""
    prices: Mapping[str, Price]

    def a_month(self, name: str, count: float) -> float:
        """Return what ``count`` of something costs in a month, without what is free."""
        price = self.prices[name]
        units = {"hour": self.hours, "GB-second": 1.0, "month": 1.0}[price.per]
        return count * units * price.dollars


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the table."""

    what: str
    count: float
    formula: str
    dollars: float | None
    """A month at list price; None where the list has no price."""
    free: float = 0
    """What of it an account has for nothing, in dollars."""


def read_prices() -> PriceList:
    """Read the file of prices beside this module."""
    found = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    prices = {name: Price.model_validate(each) for name, each in found["prices"].items()}
    return PriceList(found["date"], found["hours_a_month"], prices)


def standing_costs(templates: Iterable[Mapping[str, Any]], prices: PriceList) -> list[Cost]:
    """Return what the resources of templates cost in a month without any traffic."""
    found = [*templates]
    resources = [each for one in found for each in one["Resources"].values()]
    tasks = [task for one in found for task in _tasks(one["Resources"])]
    return [*_counted(resources, prices), *_measured(resources, tasks, prices)]


def scheduled_costs(
    definitions: Iterable[ModelDefinition], settings: Settings, prices: PriceList
) -> list[Cost]:
    """Return what the schedules cost in a month: their runs, and the metrics that they write.

    CloudWatch bills a metric for each hour in which it gets a value. Without new rows a compaction
    writes one for each model, and a drift check one. A run is taken to last :data:`RUN_SECONDS`.
    """
    models = [*definitions]
    compactions = prices.hours * _HOUR / settings.compaction_period
    checks = [
        prices.hours * _HOUR / (settings.drift_period or schedule.every)
        for model in models
        for schedule in model.drift.schedules
    ]
    hours = [min(1.0, runs / prices.hours) for runs in [*([compactions] * len(models)), *checks]]
    runs = compactions + sum(checks)
    gigabytes = runs * RUN_SECONDS * WORKER.memory / _MIB_A_GB
    price = prices.prices["function"]
    formula = f"{runs:,.0f} runs x {RUN_SECONDS} s x {WORKER.memory} MB x ${price.dollars:.10f}"
    free = prices.a_month("function", min(price.free, gigabytes))
    return [
        _line("Metrics of schedules", "metric", sum(hours), prices),
        Cost("Compactions and drift checks", runs, formula, gigabytes * price.dollars, free),
    ]


def _counted(resources: list[dict[str, Any]], prices: PriceList) -> Iterator[Cost]:
    for kind, (what, name) in _ONE_OF_EACH.items():
        count = sum(each["Type"] == kind for each in resources)
        if count:
            yield _line(what, name, count, prices)


def _tasks(resources: Mapping[str, Any]) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """Yield the number of tasks of each service of a template, and what each task is."""
    for each in resources.values():
        if each["Type"] == "AWS::ECS::Service":
            definition = resources[each["Properties"]["TaskDefinition"]["Ref"]]
            yield each["Properties"]["DesiredCount"], definition["Properties"]


def _measured(
    resources: list[dict[str, Any]],
    tasks: list[tuple[float, Mapping[str, Any]]],
    prices: PriceList,
) -> Iterator[Cost]:
    """Yield what is billed by its size: snapshots, endpoints, tasks, databases."""
    properties = [(each["Type"], each.get("Properties", {})) for each in resources]
    seconds = prices.hours * _SECONDS_AN_HOUR
    memory = sum(
        each["MemorySize"] / _MIB_A_GB
        for kind, each in properties
        if kind == "AWS::Lambda::Function" and "SnapStart" in each
    )
    if memory:
        dollars = prices.a_month("snapshot", memory * seconds)
        formula = f"{memory:.2f} GB x {seconds:,.0f} s x ${prices.prices['snapshot'].dollars:.10f}"
        yield Cost("Snapshots of functions (SnapStart)", memory, formula, dollars)
    zones = sum(
        len(each["SubnetIds"])
        for kind, each in properties
        if kind == "AWS::EC2::VPCEndpoint" and each.get("VpcEndpointType") == "Interface"
    )
    if zones:
        yield _line("Interface endpoints, by zone", "endpoint", zones, prices)
    for name, what, unit in (
        ("fargate_cpu", "Fargate, virtual CPUs", "Cpu"),
        ("fargate_gb", "Fargate, GB of memory", "Memory"),
    ):
        if size := sum(count * int(each[unit]) / _MIB_A_GB for count, each in tasks):
            yield _line(what, name, size, prices)
    for kind, each in properties:
        if kind == "AWS::RDS::DBInstance":
            copies = 2 if each.get("MultiAZ") else 1
            size = each["DBInstanceClass"]
            yield _line(f"Database {size}", size, copies, prices)
            disk = copies * int(each["AllocatedStorage"])
            yield _line("Database, GB of disk", "database_gb", disk, prices)


def _line(what: str, name: str, count: float, prices: PriceList) -> Cost:
    price = prices.prices.get(name)
    if price is None:
        return Cost(what, count, "no price in prices.toml", None)
    hours = f" x {prices.hours:g} h" if price.per == "hour" else ""
    free = prices.a_month(name, min(price.free, count))
    formula = f"{count:g}{hours} x ${price.dollars:g}"
    return Cost(what, count, formula, prices.a_month(name, count), free)

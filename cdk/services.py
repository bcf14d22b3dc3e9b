"""The services of a deployment beside the loop: MLflow and Grafana, with their network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk.grafana_stack import GrafanaAccessStack, GrafanaStack
from cdk.network_stack import NetworkStack
from cdk.tracking_stack import TrackingStack

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.settings import Settings


def add_services(scope: Construct, settings: Settings, **stack: object) -> TrackingStack | None:
    """Add MLflow and Grafana as the settings say; return MLflow's stack, or None without one.

    An emulator has neither of them: a laptop runs MLflow and Grafana beside the emulator.
    """
    if settings.emulator:
        return None
    if settings.grafana == "existing":
        GrafanaAccessStack(scope, settings, **stack)
    with_tracking, with_grafana = settings.tracking == "fargate", settings.grafana == "fargate"
    if not (with_tracking or with_grafana):
        return None
    network = NetworkStack(scope, settings, **stack)
    if with_grafana:
        GrafanaStack(scope, network, **stack)
    return TrackingStack(scope, network, **stack) if with_tracking else None

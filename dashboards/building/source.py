"""Interface of a data source for the builders, which CloudWatch and Prometheus implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models.common import DataSourceRef
    from grafana_foundation_sdk.models.dashboard import AnnotationQuery, VariableModel

    from dashboards.building.layout import Panel

REFERENCES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of a panel's queries: Grafana uses letters."""

PERIODS = {"1 minute": 60, "5 minutes": 300, "15 minutes": 900, "1 hour": 3600, "1 day": 86400}
"""The choices of the variable ``period``, in seconds."""
DEFAULT_PERIOD = "5 minutes"


class Source(Protocol):
    """A kind of data source."""

    @property
    def key(self) -> str:
        """The kind as part of uids and paths, e.g. ``cloudwatch``."""

    @property
    def title(self) -> str:
        """The kind as a title."""

    @property
    def reference(self) -> DataSourceRef:
        """The provisioned data source, with its fixed uid."""

    def queries(self, panel: Panel) -> Sequence[Builder[Dataquery]]:
        """Return the panel's queries, with references set."""

    def unit(self, panel: Panel) -> str:
        """Return the unit of the panel's queries, as Grafana names it."""

    def scale(self, panel: Panel) -> float:
        """Return the factor from CloudWatch's unit to the unit of the panel's queries."""

    def model_variable(self) -> Builder[VariableModel]:
        """Return the variable ``model``, filled by a query of the source, with "All"."""

    def stage_variables(self) -> Sequence[Builder[VariableModel]]:
        """Return the variable ``stage``, or nothing if the source's data have no stage."""

    def annotations(self) -> Sequence[Builder[AnnotationQuery]]:
        """Return the marks of promotions, rollbacks and drift episodes."""

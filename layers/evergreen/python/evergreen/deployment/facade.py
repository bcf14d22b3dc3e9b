"""`evergreen.Deployment`: a deployment for notebooks and scripts."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.clock import parse_period, utc_now
from evergreen.deployment.connection import Connection
from evergreen.deployment.laptop import read_client_variables
from evergreen.errors import EvergreenError
from evergreen.model_definition import find_definition, load_definitions
from evergreen.production import Production

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import pandas as pd
    import pyarrow as pa

    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.registry.registration import Challenger
    from evergreen.release.context import ReleaseContext
    from evergreen.release.decision_log import DecisionRecord

Since = datetime | timedelta | str
"""A time, or how long ago: a timedelta, or a text such as ``"2 hours"``."""


class Deployment:
    """A deployment of Evergreen on a laptop or on AWS, read as data frames and changed by calls.

    Parameters
    ----------
    connection
        Where it is; :meth:`laptop`, :meth:`aws` and :meth:`emulator` make one.
    models
        The folder with the models' definitions.
    trusted_types
        Types that models with ``serving = "sklearn"`` may load, as in ``cdk.json``.

    Examples
    --------
    >>> deployment = Deployment.laptop()  # doctest: +SKIP
    >>> deployment.log("flight_delay", since="1 day").groupby("model_version").size()
    """

    def __init__(
        self, connection: Connection, models: Path, trusted_types: Collection[str] = ()
    ) -> None:
        self._connection = connection
        self._models = models
        self._trusted = frozenset(trusted_types)

    @classmethod
    def laptop(cls, repository: Path | None = None, *, stage: str = "dev") -> Deployment:
        """Connect to the stack that `evergreen up` has started.

        Parameters
        ----------
        repository
            The clone of Evergreen; the nearest folder above the current one that is one, if not
            given.

        Raises
        ------
        EvergreenError
            If there is none, or no stack was started in it.
        """
        root = repository or find_repository(Path.cwd())
        return cls(Connection(stage, read_client_variables(root)), root / "models")

    @classmethod
    def emulator(
        cls, variables: Mapping[str, str], models: Path | None = None, *, stage: str = "dev"
    ) -> Deployment:
        """Connect to an emulator by the variables that `evergreen up` prints."""
        folder = models or find_repository(Path.cwd()) / "models"
        return cls(Connection(stage, variables), folder)

    @classmethod
    def aws(
        cls,
        region: str,
        models: Path | None = None,
        *,
        stage: str = "dev",
        mlflow_uri: str | None = None,
        trusted_types: Collection[str] = (),
    ) -> Deployment:
        """Connect to a deployment in the AWS account that the user's credentials name.

        Parameters
        ----------
        mlflow_uri
            Address of its MLflow server, if that is inside the VPC.
        """
        variables = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        if mlflow_uri:
            variables["MLFLOW_TRACKING_URI"] = mlflow_uri
        folder = models or find_repository(Path.cwd()) / "models"
        return cls(Connection(stage, variables), folder, trusted_types)

    def __repr__(self) -> str:
        where = "an emulator" if self._connection.is_emulator else "AWS"
        return f"Deployment(stage={self._connection.stage!r}, on {where})"

    def definition(self, model: str) -> ModelDefinition:
        """Return what ``model.toml`` says of a model."""
        return find_definition(self._models, model)

    def production(self, model: str) -> ProductionPointer | None:
        """Return the production pointer: which version serves; None before the first promotion."""
        return self._production.read_last_valid(model)

    def models(self) -> pd.DataFrame:
        """Return the models by name: task, metric, and the version in production."""
        import pandas as pd

        rows = {}
        for name, definition in load_definitions(self._models).items():
            pointer = self.production(name)
            rows[name] = {
                "task": definition.task,
                "metric": definition.metric,
                "version": pointer.version if pointer else None,
                "promoted_at": pointer.promoted_at if pointer else None,
                "at_promotion": pointer.metric if pointer else None,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")

    def log(
        self, model: str, since: Since = "1 day", until: datetime | None = None
    ) -> pd.DataFrame:
        """Return the request log: one row per predicted row, with a column for each feature.

        Rows that are not compacted yet are there too. All of the window is read into memory.
        """
        return _frame(self._lake.predictions(self.definition(model), *_window(since, until)))

    def labels(
        self, model: str, since: Since = "1 day", until: datetime | None = None
    ) -> pd.DataFrame:
        """Return the ground truth that came in, the last label of each row."""
        return _frame(self._lake.labels(self.definition(model), *_window(since, until)))

    def labelled(
        self, model: str, since: Since = "1 day", until: datetime | None = None
    ) -> pd.DataFrame:
        """Return the champion's rows of the log whose ground truth is known by now, with it."""
        return _frame(self._lake.labelled(self.definition(model), *_window(since, until)))

    def drift(
        self, model: str, since: Since = "7 days", until: datetime | None = None
    ) -> pd.DataFrame:
        """Return the drift log: a row for each test of each check, and one for its decision.

        ``kind`` says which columns a row has: univariate, multivariate, performance,
        performance_estimate, segment or decision.
        """
        from evergreen.drift.log import read_check_records

        records = read_check_records(self._connection.storage, model, *_window(since, until))
        frame = _rows(record.model_dump() for record in records)
        return frame.sort_values("timestamp", ignore_index=True) if len(frame) else frame

    def history(self, model: str) -> pd.DataFrame:
        """Return every promotion, rejection and rollback of a model, the oldest first."""
        from evergreen.release.history import read_release_history

        entries = read_release_history(self._connection.storage, self._production, model)
        return _rows(entry.model_dump() for entry in entries)

    def metrics(self, model: str | None = None, span: str = "24h") -> pd.DataFrame:
        """Return the metrics that have a value within a span (``1h``, ``24h``, ``7d``).

        Of a counter it is the sum, of a gauge the newest value, of a distribution the mean.
        """
        from evergreen.metrics.values import read_metric_values

        client = self._connection.client("cloudwatch")
        return _rows(
            each.model_dump(mode="json")
            for each in read_metric_values(client, model, span, utc_now())
        )

    def train(
        self,
        model: str,
        data: pd.DataFrame,
        source: str,
        say: Callable[[str], None] = lambda _: None,
    ) -> Challenger:
        """Train a challenger in this process, and register it; nothing is promoted.

        Parameters
        ----------
        data
            Features, target, and ``timestamp`` with a time zone. The newest rows are the holdout.
        source
            The origin of the data, for the manifest.
        say
            Called with a short text about the current work.
        """
        from evergreen.deployment.by_hand import train_by_hand

        folder = self._models / model
        definition = self.definition(model)
        return train_by_hand(
            self._connection, definition, folder, data, source, say, trusted=self._trusted
        )

    def holdout(self, model: str, version: str) -> pd.DataFrame:
        """Return the rows that a registered version is judged on, with what it predicts there.

        Beside the features, the target and ``timestamp`` it has ``output`` and, for classes,
        ``confidence``: the probability of ``output``.
        """
        from evergreen.deployment.by_hand import predict_holdout

        rows, said = predict_holdout(
            self._connection, self.definition(model), version, self._trusted
        )
        frame = _frame(rows).assign(output=said.outputs)
        return frame if said.confidences is None else frame.assign(confidence=said.confidences)

    def decide(
        self, model: str, version: str, say: Callable[[str], None] = lambda _: None
    ) -> DecisionRecord:
        """Promote a registered version if it is better than the champion, and else reject it.

        It is what the state machine does: both are compared on the version's holdout, and a
        rejected version is cleaned up.
        """
        from evergreen.deployment.by_hand import decide_by_hand

        definition = self.definition(model)
        return decide_by_hand(self._connection, definition, version, say, trusted=self._trusted)

    def promote(
        self, model: str, version: str, say: Callable[[str], None] = lambda _: None
    ) -> DecisionRecord:
        """Put a registered version into production, whether or not it is better.

        It is compared with the champion on its holdout, for the history.
        """
        from evergreen.deployment.by_hand import promote_by_hand

        definition = self.definition(model)
        return promote_by_hand(self._connection, definition, version, say, trusted=self._trusted)

    def rollback(self, model: str, reason: str, to: str | None = None) -> DecisionRecord:
        """Put the version before, or another that was in production, back."""
        from evergreen.release.rollback import roll_back

        return roll_back(self.context, model, reason, to=to)

    @cached_property
    def context(self) -> ReleaseContext:
        """The clients that a decision is written with, for calls of the library itself."""
        from evergreen.deployment.by_hand import release_context_of

        return release_context_of(self._connection)

    @property
    def _lake(self) -> Lake:
        return self._connection.lake

    @cached_property
    def _production(self) -> Production:
        return Production(self._connection.stage, self._connection.client("ssm"))


def find_repository(start: Path) -> Path:
    """Return the nearest folder, from ``start`` upwards, that has ``app.py`` and ``models``.

    Raises
    ------
    EvergreenError
        If there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "app.py").is_file() and (folder / "models").is_dir():
            return folder
    raise EvergreenError(
        "it is in no clone of Evergreen", where=str(start), fix="Name the folder of the models."
    )


def _window(since: Since, until: datetime | None) -> tuple[datetime, datetime]:
    end = until or utc_now()
    if isinstance(since, datetime):
        return since, end
    return end - (parse_period(since) if isinstance(since, str) else since), end


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _rows(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows))

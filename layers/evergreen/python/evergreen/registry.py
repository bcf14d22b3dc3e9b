"""The model registry: runs and versions in MLflow, a mirror of what production points at.

Which version serves is decided by the production pointer alone. MLflow shows the same to people:
tag ``stage=prod`` on exactly one version, and the aliases ``champion``, ``challenger`` and
``previous``.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from evergreen.clock import from_text, to_text
from evergreen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from mlflow.tracking import MlflowClient

    from evergreen.evaluation import Comparison

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
STAGE_TAG = "stage"
PRODUCTION_STAGE = "prod"
ARCHIVED_STAGE = "archived"

MODEL_ARTIFACT = "model"
_MAX_PARAMS = 100
_MAX_PARAM_LENGTH = 500
_ARCHIVED_AT = "archived_at"
_ARCHIVED_REASON = "archived_reason"
_BUNDLE_URI = "bundle_uri"
_BUNDLE_SHA256 = "bundle_sha256"
_DATASET_ID = "dataset_id"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a model, as the registry knows it."""

    model: str
    version: str
    run_id: str
    dataset_id: str
    bundle_uri: str
    bundle_sha256: str


class Registry:
    """Runs, versions, tags and aliases, in Evergreen's words.

    Parameters
    ----------
    client
        An MLflow client; its tracking URI says which server.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def start_run(self, model: str, name: str, tags: Mapping[str, str]) -> str:
        """Open a run in the model's experiment and return its id.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with _explained(model):
            experiment = self._client.get_experiment_by_name(model)
            experiment_id = (
                experiment.experiment_id if experiment else self._client.create_experiment(model)
            )
            run = self._client.create_run(experiment_id, run_name=name, tags=dict(tags))
            return str(run.info.run_id)

    def end_run(self, run_id: str, *, failed: bool = False) -> None:
        """Close a run."""
        with _explained(run_id):
            self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Write parameters of a run: the first hundred, shortened to what MLflow takes."""
        entries = [
            Param(name, str(value)[:_MAX_PARAM_LENGTH])
            for name, value in list(params.items())[:_MAX_PARAMS]
        ]
        with _explained(run_id):
            self._client.log_batch(run_id, params=entries)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], at: datetime) -> None:
        """Write metrics of a run."""
        stamp = int(at.timestamp() * 1000)
        entries = [Metric(name, value, stamp, 0) for name, value in metrics.items()]
        with _explained(run_id):
            self._client.log_batch(run_id, metrics=entries)

    def log_comparison(
        self, challenger: RegisteredVersion, comparison: Comparison, at: datetime
    ) -> None:
        """Write a comparison to the challenger's run: its numbers as metrics, all of it as JSON."""
        numbers = {
            "comparison_champion": comparison.metric_champion,
            "comparison_challenger": comparison.metric_challenger,
            "comparison_probability_better": comparison.probability_better,
            **{f"comparison_champion_{k}": v for k, v in comparison.beside_champion.items()},
            **{f"comparison_challenger_{k}": v for k, v in comparison.beside_challenger.items()},
        }
        known = {name: value for name, value in numbers.items() if value is not None}
        self.log_metrics(challenger.run_id, known, at)
        with _explained(challenger.run_id):
            self._client.log_dict(
                challenger.run_id, comparison.model_dump(mode="json"), "comparison.json"
            )

    def register(self, model: str, run_id: str, folder: Path, dataset_id: str) -> str:
        """Upload a saved model as the run's artifact and register it, as challenger.

        Returns
        -------
        str
            The new version.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with _explained(model):
            self._client.log_artifacts(run_id, str(folder), MODEL_ARTIFACT)
            self._ensure_model(model)
            registered = self._client.create_model_version(
                model,
                f"runs:/{run_id}/{MODEL_ARTIFACT}",
                run_id,
                tags={_DATASET_ID: dataset_id},
            )
            version = str(registered.version)
            self._client.set_registered_model_alias(model, CHALLENGER, version)
            return version

    def attach_bundle(self, model: str, version: str, uri: str, sha256: str) -> None:
        """Note where the version's bundle is and what its manifest must hash to."""
        with _explained(f"{model} {version}"):
            self._client.set_model_version_tag(model, version, _BUNDLE_URI, uri)
            self._client.set_model_version_tag(model, version, _BUNDLE_SHA256, sha256)

    def find(self, model: str, version: str) -> RegisteredVersion:
        """Return one version.

        Raises
        ------
        RegistryError
            If there is no such version, or its training never got as far as a bundle.
        """
        with _explained(f"{model} {version}"):
            found = self._client.get_model_version(model, version)
        run_id = found.run_id
        if run_id is None:
            raise RegistryError("the version has no run", where=f"{model} {version}")
        missing = [
            tag for tag in (_DATASET_ID, _BUNDLE_URI, _BUNDLE_SHA256) if tag not in found.tags
        ]
        if missing:
            raise RegistryError(
                f"the version has no {', '.join(missing)}",
                where=f"{model} {version}",
                fix="Its training did not finish; train a new one.",
            )
        return RegisteredVersion(
            model=model,
            version=str(found.version),
            run_id=run_id,
            dataset_id=found.tags[_DATASET_ID],
            bundle_uri=found.tags[_BUNDLE_URI],
            bundle_sha256=found.tags[_BUNDLE_SHA256],
        )

    def with_alias(self, model: str, alias: str) -> str | None:
        """Return the version an alias names, or None."""
        with _explained(model):
            found = list(self._client.search_registered_models(f"name='{model}'"))
        return None if not found else found[0].aliases.get(alias)

    def in_stage(self, model: str, stage: str = PRODUCTION_STAGE) -> list[str]:
        """Return the versions tagged with a stage, in ascending order."""
        with _explained(model):
            versions = self._versions(model)
        return sorted(
            (str(item.version) for item in versions if item.tags.get(STAGE_TAG) == stage), key=int
        )

    def set_production(self, model: str, version: str, previous: str | None) -> None:
        """Show ``version`` as the one in production; doing it again changes nothing.

        Old tags are taken away before the new one is set: interrupted in between, no version is
        tagged, never two.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with _explained(f"{model} {version}"):
            for other in self.in_stage(model):
                if other != version:
                    self._client.delete_model_version_tag(model, other, STAGE_TAG)
            self._client.set_model_version_tag(model, version, STAGE_TAG, PRODUCTION_STAGE)
            self._client.set_registered_model_alias(model, CHAMPION, version)
            if previous is not None:
                self._client.set_registered_model_alias(model, PREVIOUS, previous)
            self._drop_challenger(model, version)

    def archive(self, model: str, version: str, reason: str, at: datetime) -> datetime:
        """Put a version aside for good and return since when it is.

        A version that is archived already keeps its time and reason.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with _explained(f"{model} {version}"):
            tags = self._client.get_model_version(model, version).tags
            if _ARCHIVED_AT in tags:
                at = from_text(tags[_ARCHIVED_AT])
            else:
                self._client.set_model_version_tag(model, version, _ARCHIVED_REASON, reason)
                self._client.set_model_version_tag(model, version, _ARCHIVED_AT, to_text(at))
            self._client.set_model_version_tag(model, version, STAGE_TAG, ARCHIVED_STAGE)
            self._drop_challenger(model, version)
        return at

    def _drop_challenger(self, model: str, version: str) -> None:
        if self.with_alias(model, CHALLENGER) == version:
            self._client.delete_registered_model_alias(model, CHALLENGER)

    def _ensure_model(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _versions(self, model: str) -> list[Any]:
        versions: list[Any] = []
        token = None
        while True:
            page = self._client.search_model_versions(f"name='{model}'", page_token=token)
            versions.extend(page)
            token = page.token
            if not token:
                return versions


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        raise RegistryError(f"MLflow: {error.message}", where=where) from error

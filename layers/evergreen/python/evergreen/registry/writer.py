"""Writer of the model registry: runs and versions, a mirror of the production pointer.

They are in MLflow or in the data bucket. Only the production pointer decides which version serves.
The registry shows it to people: the tag
``stage=prod`` on exactly one version, and the aliases ``champion``, ``challenger`` and
``previous``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException

from evergreen.clock import from_text, to_text
from evergreen.datasets.manifest import folder_key
from evergreen.registry.places import run_files
from evergreen.registry.reader import (
    ARCHIVED_REASON,
    ARCHIVED_STAGE,
    BUNDLE_SHA256,
    BUNDLE_URI,
    COMPARISON_FILE,
    DATASET_ID,
    DECISION,
    DECISION_RECORD,
    PRODUCTION_STAGE,
    STAGE_TAG,
    RegistryReader,
    explained,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.evaluation.comparison import Comparison
    from evergreen.registry.reader import RegisteredVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"

MODEL_ARTIFACT = "model"
_MAX_PARAMS = 100
_MAX_PARAM_LENGTH = 500
_ARCHIVED_AT = "archived_at"
_SERVES = "serves"


class Registry(RegistryReader):
    """Reads and writes runs, versions, tags and aliases.

    Parameters
    ----------
    client
        An MLflow client, whose tracking URI says which server, or the registry in the data bucket.
    files
        A bucket that is to hold the files of runs; None for the place that the server has for them.
    """

    def start_run(self, model: str, name: str, tags: Mapping[str, str]) -> str:
        """Open a run in the model's experiment and return its id.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(model):
            experiment = self._client.get_experiment_by_name(model)
            if experiment:
                experiment_id = experiment.experiment_id
            elif self._files:
                place = run_files(self._files, model)
                experiment_id = self._client.create_experiment(model, place)
            else:
                experiment_id = self._client.create_experiment(model)
            run = self._client.create_run(experiment_id, run_name=name, tags=dict(tags))
            return str(run.info.run_id)

    def end_run(self, run_id: str, *, failed: bool = False) -> None:
        """Close a run."""
        with explained(run_id):
            self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Write parameters of a run: only the first hundred, shortened to MLflow's limit."""
        entries = [
            Param(name, str(value)[:_MAX_PARAM_LENGTH])
            for name, value in list(params.items())[:_MAX_PARAMS]
        ]
        with explained(run_id):
            self._client.log_batch(run_id, params=entries)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], at: datetime) -> None:
        """Write metrics of a run."""
        stamp = int(at.timestamp() * 1000)
        entries = [Metric(name, value, stamp, 0) for name, value in metrics.items()]
        with explained(run_id):
            self._client.log_batch(run_id, metrics=entries)

    def log_dataset(self, run_id: str, manifest: DatasetManifest) -> None:
        """Say which data set a run was trained on, as MLflow shows it."""
        profile = {"rows": manifest.rows, "train": manifest.train_rows}
        source = folder_key(manifest.model, manifest.dataset_id) + manifest.file
        dataset = Dataset(
            name=f"{manifest.model} data set",
            digest=manifest.dataset_id,
            source_type="data bucket",
            source=json.dumps({"key": source}),
            profile=json.dumps(profile | {"holdout": manifest.holdout_rows}),
        )
        context = InputTag("mlflow.data.context", "training")
        with explained(run_id):
            self._client.log_inputs(run_id, datasets=[DatasetInput(dataset, [context])])

    def log_comparison(
        self, challenger: RegisteredVersion, comparison: Comparison, at: datetime
    ) -> None:
        """Write a comparison to the challenger's run: numbers as metrics, and the whole as JSON."""
        numbers = {
            "comparison_champion": comparison.metric_champion,
            "comparison_challenger": comparison.metric_challenger,
            "comparison_probability_better": comparison.probability_better,
            "comparison_probability_on_holdout": comparison.probability_on_holdout,
            **{f"comparison_champion_{k}": v for k, v in comparison.beside_champion.items()},
            **{f"comparison_challenger_{k}": v for k, v in comparison.beside_challenger.items()},
        }
        known = {name: value for name, value in numbers.items() if value is not None}
        self.log_metrics(challenger.run_id, known, at)
        with explained(challenger.run_id):
            self._client.log_dict(
                challenger.run_id, comparison.model_dump(mode="json"), COMPARISON_FILE
            )

    def upload(self, run_id: str, folder: Path, name: str) -> None:
        """Keep the files of a folder as the run's artifact ``name``.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(run_id):
            self._client.log_artifacts(run_id, str(folder), name)

    def download(self, run_id: str, name: str, folder: Path) -> Path:
        """Download the run's artifact ``name`` into ``folder`` and return its path.

        Raises
        ------
        RegistryError
            If the run has no such artifact, or MLflow cannot be reached.
        """
        with explained(run_id):
            return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def note(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        with explained(run_id):
            for name, value in tags.items():
                self._client.set_tag(run_id, name, value)

    def notes(self, run_id: str) -> dict[str, str]:
        """Return the tags of a run."""
        with explained(run_id):
            return dict(self._client.get_run(run_id).data.tags)

    def finished_run(self, model: str, tags: Mapping[str, str]) -> str | None:
        """Return the newest finished run of the model with these tags, or None."""
        asked = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
        with explained(model):
            experiment = self._client.get_experiment_by_name(model)
            if experiment is None:
                return None
            found = self._client.search_runs(
                [experiment.experiment_id],
                " and ".join(["attributes.status = 'FINISHED'", *asked]),
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
        return str(found[0].info.run_id) if found else None

    def register(self, model: str, run_id: str, dataset_id: str) -> str:
        """Register a run's model as challenger, and return the version.

        A second call returns the same version. If that version was archived in between, the call
        makes a new one.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(model):
            self._ensure_model(model)
            registered = [
                item
                for item in self._client.search_model_versions(f"run_id='{run_id}'")
                if item.name == model and item.tags.get(STAGE_TAG) != ARCHIVED_STAGE
            ]
            if registered:
                version = str(max(int(item.version) for item in registered))
            else:
                made = self._client.create_model_version(
                    model,
                    f"runs:/{run_id}/{MODEL_ARTIFACT}",
                    run_id,
                    tags={DATASET_ID: dataset_id},
                )
                version = str(made.version)
            self._client.set_registered_model_alias(model, CHALLENGER, version)
            return version

    def attach_bundle(
        self, model: str, version: str, uri: str, sha256: str, serves: str | None = None
    ) -> None:
        """Write the URI of the version's bundle, the SHA-256 of its manifest, and what serves."""
        with explained(f"{model} {version}"):
            self._client.set_model_version_tag(model, version, BUNDLE_URI, uri)
            self._client.set_model_version_tag(model, version, BUNDLE_SHA256, sha256)
            if serves:
                self._client.set_model_version_tag(model, version, _SERVES, serves)

    def set_production(self, model: str, version: str, previous: str | None) -> None:
        """Mark ``version`` as the one in production; a second call changes nothing.

        Old tags are removed before the new one is set. After an interruption in between, no
        version has the tag, but never two.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(f"{model} {version}"):
            for other in self.in_stage(model):
                if other != version:
                    self._client.delete_model_version_tag(model, other, STAGE_TAG)
            self._client.set_model_version_tag(model, version, STAGE_TAG, PRODUCTION_STAGE)
            self._client.set_registered_model_alias(model, CHAMPION, version)
            if previous is not None:
                self._client.set_registered_model_alias(model, PREVIOUS, previous)
            self._drop_challenger(model, version)

    def archive(self, model: str, version: str, reason: str, at: datetime) -> datetime:
        """Archive a version for good, and return the time of its archiving.

        A version that is already archived keeps its time and reason.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(f"{model} {version}"):
            tags = self._client.get_model_version(model, version).tags
            if _ARCHIVED_AT in tags:
                at = from_text(tags[_ARCHIVED_AT])
            else:
                self._client.set_model_version_tag(model, version, ARCHIVED_REASON, reason)
                self._client.set_model_version_tag(model, version, _ARCHIVED_AT, to_text(at))
            self._client.set_model_version_tag(model, version, STAGE_TAG, ARCHIVED_STAGE)
            self._drop_challenger(model, version)
        return at

    def link_decision(
        self, model: str, version: str, decision: str, record: str, dataset: str
    ) -> None:
        """Link a run and its version to their decision record.

        The link of the version is written last. If it is there, the linking is complete.

        Parameters
        ----------
        record, dataset
            URIs of the decision record and of the data set's folder.

        Raises
        ------
        RegistryError
            If MLflow refused or cannot be reached.
        """
        with explained(f"{model} {version}"):
            run_id = self._client.get_model_version(model, version).run_id
            links = {"dataset_uri": dataset, DECISION: decision, DECISION_RECORD: record}
            if run_id:
                for name, value in {**links, "model_version": version}.items():
                    self._client.set_tag(run_id, name, value)
            for name, value in links.items():
                self._client.set_model_version_tag(model, version, name, value)

    def _drop_challenger(self, model: str, version: str) -> None:
        if self.with_alias(model, CHALLENGER) == version:
            self._client.delete_registered_model_alias(model, CHALLENGER)

    def _ensure_model(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

"""Reader of the model registry: versions, their tags and aliases, and their runs."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException

from evergreen.errors import RegistryError
from evergreen.evaluation.comparison import Comparison
from evergreen.registry.client import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.tracking import MlflowClient

    from evergreen.registry.bucket import BucketTracking

STAGE_TAG = "stage"
PRODUCTION_STAGE = "prod"
ARCHIVED_STAGE = "archived"
ARCHIVED_REASON = "archived_reason"
BUNDLE_URI = "bundle_uri"
BUNDLE_SHA256 = "bundle_sha256"
DATASET_ID = "dataset_id"
DECISION = "decision"
DECISION_RECORD = "decision_record"
COMPARISON_FILE = "comparison.json"
_UNANSWERED = re.compile(r"API request to (\S+) failed with (?:timeout )?exception (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a model that has a bundle."""

    model: str
    version: str
    run_id: str
    dataset_id: str
    bundle_uri: str
    bundle_sha256: str


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version of a model in the registry, with or without a bundle."""

    version: str
    run_id: str
    dataset_id: str
    created_at: datetime
    archived: bool
    archived_reason: str | None
    decision_record: str | None
    """URI of the newest decision about it; None until the last step of a decision sets this link.
    """


class RegistryReader:
    """Reads runs and versions of the registry, without changes to it.

    Parameters
    ----------
    client
        An MLflow client, whose tracking URI says which server, or the registry in the data bucket.
    files
        A bucket that is to hold the files of runs; None for the place that the server has for them.
    """

    def __init__(self, client: MlflowClient | BucketTracking, files: str | None = None) -> None:
        self._client = client
        self._files = files

    def find(self, model: str, version: str) -> RegisteredVersion:
        """Return one version.

        Raises
        ------
        RegistryError
            If there is no such version, or it has no bundle.
        """
        with explained(f"{model} {version}"):
            if not version.isdecimal():
                raise self._unknown(model, version)
            try:
                found = self._client.get_model_version(model, version)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                raise self._unknown(model, version) from error
            except RegistryError as error:  # the registry in the bucket has no such entry
                raise self._unknown(model, version) from error
        run_id = found.run_id
        if run_id is None:
            raise RegistryError("the version has no run", where=f"{model} {version}")
        missing = [tag for tag in (DATASET_ID, BUNDLE_URI, BUNDLE_SHA256) if tag not in found.tags]
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
            dataset_id=found.tags[DATASET_ID],
            bundle_uri=found.tags[BUNDLE_URI],
            bundle_sha256=found.tags[BUNDLE_SHA256],
        )

    def _unknown(self, model: str, version: str) -> RegistryError:
        known = ", ".join(each.version for each in self.versions(model)) or "none"
        return RegistryError(
            "there is no such version",
            where=f"{model} {version}",
            fix=f"Versions there are: {known}.",
        )

    def versions(self, model: str) -> list[VersionEntry]:
        """Return every version of a model, oldest first; an unknown model has none."""
        with explained(model):
            found = self._versions(model)
        entries = [
            VersionEntry(
                version=str(item.version),
                run_id=item.run_id or "",
                dataset_id=item.tags.get(DATASET_ID, ""),
                created_at=_moment(item.creation_timestamp),
                archived=item.tags.get(STAGE_TAG) == ARCHIVED_STAGE,
                archived_reason=item.tags.get(ARCHIVED_REASON),
                decision_record=item.tags.get(DECISION_RECORD),
            )
            for item in found
        ]
        return sorted(entries, key=lambda entry: int(entry.version))

    def with_alias(self, model: str, alias: str) -> str | None:
        """Return the version that an alias names, or None."""
        with explained(model):
            found: list[Any] = [*self._client.search_registered_models(f"name='{model}'")]
        return None if not found else found[0].aliases.get(alias)

    def in_stage(self, model: str, stage: str = PRODUCTION_STAGE) -> list[str]:
        """Return the versions tagged with a stage, in ascending order."""
        with explained(model):
            versions = self._versions(model)
        return sorted(
            (str(item.version) for item in versions if item.tags.get(STAGE_TAG) == stage), key=int
        )

    def decision_of(self, model: str, version: str) -> str | None:
        """Return the URI of the newest decision record linked to a version, or None."""
        with explained(f"{model} {version}"):
            tags = self._client.get_model_version(model, version).tags
        return tags.get(DECISION_RECORD)

    def comparison_of(self, run_id: str) -> Comparison | None:
        """Return the comparison that was logged to a run, or None if there is none."""
        with explained(run_id), tempfile.TemporaryDirectory() as scratch:
            if COMPARISON_FILE not in {item.path for item in self._client.list_artifacts(run_id)}:
                return None
            file = Path(self._client.download_artifacts(run_id, COMPARISON_FILE, scratch))
            return Comparison.model_validate_json(file.read_bytes())

    def artifact_uri(self, run_id: str, path: str) -> str:
        """Return the URI of a file of a run: in S3 where it is there, else MLflow's own."""
        with explained(run_id):
            folder = self._client.get_run(run_id).info.artifact_uri
        in_s3 = folder is not None and folder.startswith("s3://")
        return f"{folder}/{path}" if in_s3 else f"runs:/{run_id}/{path}"

    def open_runs(self, model: str, before: datetime) -> list[str]:
        """Return the open runs of a model that started before ``before``."""
        with explained(model):
            experiment = self._client.get_experiment_by_name(model)
            if experiment is None:
                return []
            found = self._client.search_runs(
                [experiment.experiment_id], "attributes.status = 'RUNNING'"
            )
        return [run.info.run_id for run in found if _moment(run.info.start_time) < before]

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
def explained(where: str) -> Iterator[None]:
    """Turn an error of MLflow into a :class:`RegistryError` that names the place.

    Raises
    ------
    RegistryError
        If MLflow refused.
    RegistryUnavailableError
        If its server, or its store of files, did not answer in all its attempts.
    """
    try:
        yield
    except MlflowException as error:
        if unanswered := _UNANSWERED.match(error.message):
            raise unavailable(unanswered[1], error.__context__ or unanswered[2]) from error
        raise RegistryError(f"MLflow: {error.message}", where=where) from error


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

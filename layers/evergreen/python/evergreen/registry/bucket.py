"""The registry in the data bucket: runs, versions and aliases as objects, with no server.

It has the part of MLflow's client that the registry uses, so the same reader and writer work on
both. Below ``registry/<model>/`` are ``runs/<run>/run.json`` with tags, parameters and metrics,
``runs/<run>/artifacts/…``, ``versions/<number>.json``, and ``aliases.json``. Every change of an
object that exists is conditional on its ETag and repeated if another process changed it in between.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from evergreen.errors import RegistryError
from evergreen.registry.entities import (
    ArtifactEntity,
    ExperimentEntity,
    ModelEntity,
    RunData,
    RunEntity,
    RunInfo,
    VersionEntity,
    VersionPage,
)
from evergreen.registry.places import REGISTRY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlflow.entities import DatasetInput, Metric, Param

    from evergreen.clock import Clock
    from evergreen.storage import Storage

_ATTEMPTS = 20
_READERS = 16
_CONDITION = re.compile(
    r"(?P<field>name|run_id|attributes\.status|tags\.`[^`]+`)\s*=\s*'(?P<value>[^']*)'"
)


class BucketTracking:
    """Runs, versions and aliases in the data bucket.

    A model's versions are counted from 1. A run's id begins with the name of its model. Listings
    read one object per run or version, so they take a second per thousand or so.

    Parameters
    ----------
    storage
        The data bucket.
    clock
        Gives the time of each start and registration.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def get_experiment_by_name(self, name: str) -> ExperimentEntity:
        """Return the experiment of a model; each model has one."""
        return ExperimentEntity(name)

    def create_experiment(self, name: str, artifact_location: str | None = None) -> str:  # noqa: ARG002 - MLflow's
        """Return the id of a model's experiment."""
        return name

    def create_run(self, experiment_id: str, run_name: str, tags: Mapping[str, str]) -> RunEntity:
        """Open a run."""
        run_id = f"{experiment_id}-{uuid4().hex[:20]}"
        content = {
            "name": run_name,
            "status": "RUNNING",
            "start_time": self._milliseconds(),
            "tags": dict(tags),
            "params": {},
            "metrics": {},
        }
        self._storage.put_json(_run_key(run_id), content)
        return self._run(run_id, content)

    def set_terminated(self, run_id: str, status: str) -> None:
        """Close a run as ``FINISHED`` or ``FAILED``."""
        end = self._milliseconds()
        self._change(_run_key(run_id), lambda run: run.update(status=status, end_time=end))

    def log_batch(
        self, run_id: str, metrics: Iterable[Metric] = (), params: Iterable[Param] = ()
    ) -> None:
        """Write metrics and parameters of a run; the last value of a metric is kept."""

        def write(run: dict[str, Any]) -> None:
            run["metrics"] |= {each.key: each.value for each in metrics}
            run["params"] |= {each.key: each.value for each in params}

        self._change(_run_key(run_id), write)

    def log_inputs(self, run_id: str, datasets: Iterable[DatasetInput]) -> None:
        """Keep which data sets a run was trained on, in place of those before."""
        inputs = [each.to_dictionary() for each in datasets]
        self._change(_run_key(run_id), lambda run: run.update(inputs=inputs))

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run."""
        self._change(_run_key(run_id), lambda run: run["tags"].update({key: value}))

    def get_run(self, run_id: str) -> RunEntity:
        """Return a run."""
        return self._run(run_id, self._read(_run_key(run_id)))

    def search_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str = "",
        max_results: int = 1000,
        order_by: Iterable[str] = (),  # noqa: ARG002 - always the newest first
    ) -> list[RunEntity]:
        """Return the runs of models with a status and tags, the newest first."""
        wanted = _conditions(filter_string)
        status = wanted.pop("attributes.status", None)
        tags = {name.removeprefix("tags.`").removesuffix("`"): v for name, v in wanted.items()}
        found = [
            run
            for model in experiment_ids
            for run in self._runs(model)
            if status in (None, run.info.status) and tags.items() <= run.data.tags.items()
        ]
        return sorted(found, key=lambda run: -run.info.start_time)[:max_results]

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str) -> None:
        """Keep the files of a folder as an artifact of a run."""
        folder = Path(local_dir)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{artifact_path}/{file.relative_to(folder).as_posix()}"
            self._storage.put(_artifacts(run_id) + name, file.read_bytes())

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any], artifact_file: str) -> None:
        """Keep a dictionary as a JSON file of a run."""
        self._storage.put_json(_artifacts(run_id) + artifact_file, dictionary)

    def list_artifacts(self, run_id: str, path: str = "") -> list[ArtifactEntity]:
        """Return the files and folders directly below the artifacts of a run, or below one."""
        inside = f"{path}/" if path else ""
        prefix = _artifacts(run_id) + inside
        keys = (item.key.removeprefix(prefix) for item in self._storage.list(prefix))
        names = dict.fromkeys(key.partition("/")[0] for key in keys)
        return [ArtifactEntity(inside + name) for name in names]

    def download_artifacts(self, run_id: str, path: str, dst_path: str) -> str:
        """Download a file or a folder of a run's artifacts, and return where it is now."""
        prefix = _artifacts(run_id)
        keys = [
            item.key
            for item in self._storage.list(prefix + path)
            if item.key == prefix + path or item.key.startswith(f"{prefix}{path}/")
        ]
        if not keys:
            raise RegistryError(f"the run has no artifact {path!r}", where=run_id)
        for key in keys:
            name = PurePosixPath(key.removeprefix(prefix))
            if ".." in name.parts:
                raise RegistryError(f"an artifact's name leaves its folder: {name}", where=run_id)
            target = Path(dst_path) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._storage.get(key) or b"")
        return str(Path(dst_path) / path)

    def create_registered_model(self, name: str) -> None:
        """Do nothing: a model is there with its first version."""

    def create_model_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str]
    ) -> VersionEntity:
        """Register a version under the next number that is free."""
        prefix = _versions(name)
        numbers = [int(Path(item.key).stem) for item in self._storage.list(prefix)]
        number = max(numbers, default=0) + 1
        while True:
            made = VersionEntity(
                name, str(number), run_id, source, self._milliseconds(), dict(tags)
            )
            body = json.dumps(asdict(made), indent=2).encode()
            if self._storage.put_if_absent(_version_key(name, number), body):
                return made
            number += 1

    def get_model_version(self, name: str, version: str) -> VersionEntity:
        """Return a version."""
        return VersionEntity(**self._read(_version_key(name, version)))

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete a version."""
        self._storage.delete(_version_key(name, version))

    def search_model_versions(
        self,
        filter_string: str,
        page_token: str | None = None,  # noqa: ARG002 - there is one page
    ) -> VersionPage:
        """Return the versions of a model, or those that were made from a run."""
        wanted = _conditions(filter_string)
        run_id = wanted.get("run_id")
        model = wanted["name"] if run_id is None else _model_of(run_id)
        keys = [item.key for item in self._storage.list(_versions(model))]
        found = (VersionEntity(**content) for content in self._read_all(keys))
        return VersionPage(each for each in found if run_id in (None, each.run_id))

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._change(_version_key(name, version), lambda each: each["tags"].update({key: value}))

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version; it is no error if there is none."""
        self._change(_version_key(name, version), lambda each: each["tags"].pop(key, None))

    def search_registered_models(self, filter_string: str) -> list[ModelEntity]:
        """Return the model of this name with its aliases; none if nothing was registered."""
        name = _conditions(filter_string)["name"]
        aliases = self._storage.get_json(_aliases_key(name))
        return [] if aliases is None else [ModelEntity(name, aliases)]

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version."""
        self._read(_version_key(name, version))  # an alias never names what is not there
        key = _aliases_key(name)
        if not self._storage.put_if_absent(key, json.dumps({alias: version}).encode()):
            self._change(key, lambda aliases: aliases.update({alias: version}))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias; it is no error if there is none."""
        self._change(_aliases_key(name), lambda aliases: aliases.pop(alias, None))

    def _run(self, run_id: str, content: Mapping[str, Any]) -> RunEntity:
        info = RunInfo(
            run_id=run_id,
            run_name=content["name"],
            status=content["status"],
            start_time=content["start_time"],
            artifact_uri=self._storage.uri(_artifacts(run_id)).removesuffix("/"),
        )
        return RunEntity(info, RunData(content["tags"], content["params"], content["metrics"]))

    def _runs(self, model: str) -> list[RunEntity]:
        keys = [
            item.key
            for item in self._storage.list(f"{REGISTRY_PREFIX}{model}/runs/")
            if item.key.endswith("/run.json") and "/artifacts/" not in item.key
        ]
        return [
            self._run(key.split("/")[-2], content)
            for key, content in zip(keys, self._read_all(keys), strict=True)
        ]

    def _read_all(self, keys: list[str]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(_READERS) as pool:
            return [*pool.map(self._read, keys)]

    def _read(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._storage.get_json(key)
        if found is None:
            raise RegistryError("the registry has no such entry", where=self._storage.uri(key))
        return found

    def _change(self, key: str, change: Callable[[dict[str, Any]], object]) -> None:
        for _ in range(_ATTEMPTS):
            found = self._storage.get_with_etag(key)
            if found is None:
                raise RegistryError("the registry has no such entry", where=self._storage.uri(key))
            content = json.loads(found[0])
            change(content)
            body = json.dumps(content, ensure_ascii=False, indent=2).encode()
            if self._storage.put_if_unchanged(key, body, found[1]):
                return
        raise RegistryError("the entry kept changing", where=self._storage.uri(key))

    def _milliseconds(self) -> int:
        return int(self._clock().timestamp() * 1000)


def _conditions(filter_string: str) -> dict[str, str]:
    """Return the fields and values of a filter that joins equalities with ``and``."""
    return {each["field"]: each["value"] for each in _CONDITION.finditer(filter_string)}


def _model_of(run_id: str) -> str:
    return run_id.rpartition("-")[0]


def _run_folder(run_id: str) -> str:
    return f"{REGISTRY_PREFIX}{_model_of(run_id)}/runs/{run_id}/"


def _run_key(run_id: str) -> str:
    return f"{_run_folder(run_id)}run.json"


def _artifacts(run_id: str) -> str:
    return f"{_run_folder(run_id)}artifacts/"


def _versions(model: str) -> str:
    return f"{REGISTRY_PREFIX}{model}/versions/"


def _version_key(model: str, version: int | str) -> str:
    return f"{_versions(model)}{int(version):08}.json"


def _aliases_key(model: str) -> str:
    return f"{REGISTRY_PREFIX}{model}/aliases.json"

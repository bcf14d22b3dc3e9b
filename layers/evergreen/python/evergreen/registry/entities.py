"""The entities of the registry in the data bucket, with the fields that MLflow's client reads."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExperimentEntity:
    """The experiment of a model."""

    experiment_id: str
    """The model's name."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Name, state and place of a run."""

    run_id: str
    run_name: str
    status: str
    start_time: int
    """Milliseconds since 1970, as all times here."""
    artifact_uri: str


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run recorded."""

    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class RunEntity:
    """A run."""

    info: RunInfo
    data: RunData


@dataclass(frozen=True, slots=True)
class VersionEntity:
    """A registered version."""

    name: str
    version: str
    run_id: str
    source: str
    creation_timestamp: int
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelEntity:
    """A model and its aliases."""

    name: str
    aliases: dict[str, str]


@dataclass(frozen=True, slots=True)
class ArtifactEntity:
    """A file or folder among the artifacts of a run."""

    path: str


class VersionPage(list[VersionEntity]):
    """All versions that were asked for; there is never a second page."""

    token = None

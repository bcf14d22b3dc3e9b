"""What is gone of a version that MLflow says is in production.

An emulator may lose its buckets and parameters, and a bucket may be deleted by mistake. The
registry outlives both. Nothing here can be repaired: what served is gone, and a new version has to
be trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.bundle.store import bundle_key as bundle_folder
from evergreen.datasets.manifest import folder_key as dataset_folder
from evergreen.errors import PointerError, RegistryError

if TYPE_CHECKING:
    from evergreen.production import ProductionPointer
    from evergreen.release.context import ReleaseContext


@dataclass(frozen=True, slots=True)
class Loss:
    """A version that was in production, and what of it is gone.

    Parameters
    ----------
    model, version
        The version that the registry has in production.
    gone
        What is not there any more, in words.
    source
        Who has it in production.
    """

    model: str
    version: str
    gone: tuple[str, ...]
    source: str = "MLflow"

    @property
    def what(self) -> str:
        """What is wrong, in one line."""
        return f"{self.source} has version {self.version} in production, but {_and(self.gone)} gone"


def find_loss(context: ReleaseContext, model: str) -> Loss | None:
    """Return what is gone of the version in production, or None if it can serve."""
    try:
        pointer = context.production.read(model)
    except PointerError:
        return None  # it is there, and the doctor puts the last valid one back
    elsewhere = pointer is not None and is_elsewhere(context, pointer)
    in_stage = context.registry.in_stage(model)
    if not in_stage:
        if pointer is None or not elsewhere:
            return None
        return Loss(model, pointer.version, ("its bundle",), "The pointer")
    version = in_stage[-1]
    gone = [] if pointer else ["its pointer"]
    if elsewhere or not any(context.storage.list(bundle_folder(model, version))):
        gone.append("its bundle")
    try:
        dataset_id = context.registry.find(model, version).dataset_id
    except RegistryError:
        dataset_id = ""
    if dataset_id and not any(context.storage.list(dataset_folder(model, dataset_id))):
        gone.append("its data set")
    return Loss(model, version, tuple(gone)) if gone else None


def is_elsewhere(context: ReleaseContext, pointer: ProductionPointer) -> bool:
    """Return whether a pointer names another data bucket: that of a destroyed deployment."""
    return not pointer.bundle_uri.startswith(context.storage.uri(""))


def _and(parts: tuple[str, ...]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last} are" if first else f"{last} is"

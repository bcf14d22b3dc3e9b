"""The champion: follows the production pointer and keeps the model loaded that it names."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.served import accepted_categories, served_definition
from evergreen.bundle.store import load_bundle
from evergreen.capture.request_log import RequestLogWriter
from evergreen.errors import BundleError, EvergreenError, NoProductionModelError, PointerError
from evergreen.metrics.catalog import Metric
from evergreen.serving.data_quality import QualityCheck
from evergreen.serving.metric_groups import OutputGroups
from evergreen.serving.readers import request_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.metrics.catalog import RecordMetric
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import Pointers, ProductionPointer
    from evergreen.serving.requests import RequestReader
    from evergreen.storage import Objects

POINTER_POLL_SECONDS = 10.0
"""Time until a running function notices a promotion, at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Champion:
    """The loaded model, ready to predict."""

    pointer: ProductionPointer
    definition: ModelDefinition
    """What the loaded bundle takes; see :func:`evergreen.bundle.served.served_definition`."""
    reader: RequestReader
    log: RequestLogWriter
    predictor: Predictor
    quality: QualityCheck
    groups: OutputGroups


class ModelServer:
    """Keeps the model loaded that the production pointer names.

    Parameters
    ----------
    definition
        The model served; the loaded bundle says which features it takes.
    production, storage
        Where the pointer and the bundles are.
    record
        Receives the metrics of health, version, load times and load failures.
    trusted
        The deployment's ``trusted_types``, for what scikit-learn serves.
    poll_seconds
        How long a pointer that was read stays in use before it is read again.
    seconds
        A monotonic clock, for tests.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        production: Pointers,
        storage: Objects,
        record: RecordMetric,
        *,
        trusted: frozenset[str] = frozenset(),
        poll_seconds: float = POINTER_POLL_SECONDS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._definition = definition
        self._production = production
        self._storage = storage
        self._record = record
        self._trusted = trusted
        self._poll_seconds = poll_seconds
        self._seconds = seconds
        self._champion: Champion | None = None
        self._read_at: float | None = None

    def champion(self) -> Champion:
        """Return the model to serve.

        If a promoted bundle does not load, a metric reports it and the current model continues to
        serve. It also continues while the pointer cannot be read, which another metric reports: it
        says nothing about the promoted bundle.

        Raises
        ------
        NoProductionModelError
            If nothing was promoted yet.
        PointerError
            If the pointer cannot be read and no model was loaded before.
        BundleError
            If the promoted bundle does not load and no model was loaded before.
        """
        try:
            champion = self._current()
        except EvergreenError:
            self._record(Metric.HEALTHY, 0)
            raise
        self._record(Metric.HEALTHY, 1)
        if champion.pointer.version.isdecimal():
            self._record(Metric.PRODUCTION_VERSION, int(champion.pointer.version))
        return champion

    def _current(self) -> Champion:
        now = self._seconds()
        fresh = self._read_at is not None and now - self._read_at < self._poll_seconds
        if self._champion and fresh:
            return self._champion
        champion = self._follow()
        # One assignment, so that a request uses either the old model or the new one, never parts of
        # both.
        self._champion, self._read_at = champion, now
        return champion

    def _follow(self) -> Champion:
        """Return the champion that the pointer names, or the current one if something fails."""
        name = self._definition.name
        # The log has no tracebacks, because they do not end in a new line: in a plain-text log the
        # invocation's metrics would join its last line and be lost.
        try:
            pointer = self._production.read(name)
        except (PointerError, ClientError, BotoCoreError) as error:
            self._record(Metric.POINTER_FAILURES, 1)
            _log.error("the production pointer of %s cannot be read: %s", name, error)
            if self._champion is None:
                raise _unread(name, error) from error
            return self._champion
        if pointer is None:
            self._champion = None
            raise NoProductionModelError(
                f"no version of {name!r} is in production yet", fix="Train one and promote it."
            )
        if self._champion and pointer.sha256 == self._champion.pointer.sha256:
            return replace(self._champion, pointer=pointer)
        try:
            return self._load(pointer)
        except (EvergreenError, ClientError, BotoCoreError) as error:
            self._record(Metric.MODEL_LOAD_FAILURES, 1)
            _log.error("the promoted model of %s did not load: %s", name, error)
            if self._champion is None:
                raise BundleError("the promoted model did not load", where=name) from error
            return self._champion

    def _load(self, pointer: ProductionPointer) -> Champion:
        started = self._seconds()
        bundle = load_bundle(self._storage, pointer, self._trusted)
        definition = served_definition(self._definition, bundle.signature)
        champion = Champion(
            pointer=pointer,
            definition=definition,
            reader=request_reader(definition, accepted_categories(definition, bundle.signature)),
            log=RequestLogWriter(definition),
            predictor=Predictor(bundle),
            quality=QualityCheck(definition, bundle.signature),
            groups=OutputGroups(bundle.signature),
        )
        self._record(Metric.MODEL_LOAD_TIME, (self._seconds() - started) * 1000)
        return champion


def _unread(name: str, error: Exception) -> PointerError:
    """Return the error for a caller: it names the cause, and no parameter of the account."""
    why = "it is not valid" if isinstance(error, PointerError) else "AWS did not return it"
    return PointerError(
        f"the production pointer cannot be read: {why}", where=name, fix="Try again later."
    )

"""The reader of a model's requests: by the names of its features, or by what stands for them."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evergreen.clock import utc_now
from evergreen.errors import RequestError
from evergreen.serving.either import EitherReader
from evergreen.serving.moments import MomentReader
from evergreen.serving.requests import PredictionRequest, RequestReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.clock import Clock
    from evergreen.model_definition import ModelDefinition

_NONE_CLOSED: Mapping[str, frozenset[str]] = MappingProxyType({})


def request_reader(
    definition: ModelDefinition,
    closed: Mapping[str, frozenset[str]] = _NONE_CLOSED,
    *,
    clock: Clock = utc_now,
) -> RequestReader:
    """Return the reader of a model's requests.

    Parameters
    ----------
    definition, closed
        As for :class:`RequestReader`.
    clock
        Gives the time of a row, from which ages are counted.
    """
    if any(feature.renamed_from for feature in definition.features.values()):
        return RenamedReader(definition, closed, clock)
    return _plain(definition, closed, clock)


def _plain(
    definition: ModelDefinition, closed: Mapping[str, frozenset[str]], clock: Clock
) -> RequestReader:
    if definition.moments:
        return MomentReader(definition, closed, clock)
    return RequestReader(definition, closed)


class RenamedReader(EitherReader):
    """Reads requests for a model with renamed features: with all names as they are, or all others.

    So callers need not change at the moment of a promotion.
    """

    def __init__(
        self, definition: ModelDefinition, closed: Mapping[str, frozenset[str]], clock: Clock
    ) -> None:
        super().__init__(definition, closed)
        others = {name: each.renamed_from or name for name, each in definition.features.items()}
        renamed = {others[name]: each for name, each in definition.features.items()}
        other = definition.model_copy(update={"features": renamed})
        self._first = _plain(definition, closed, clock)
        self._second = _plain(other, {others[name]: known for name, known in closed.items()}, clock)
        self._own_names = {other: name for name, other in others.items()}
        self._new_names = [name for name, other in others.items() if other != name]

    def _either(self, method: str, body: bytes, options: dict[str, Any]) -> PredictionRequest:
        request: PredictionRequest
        try:
            request = getattr(self._first, method)(body, **options)
        except RequestError as error:
            try:
                request = getattr(self._second, method)(body, **options)
            except RequestError as other:
                # The caller meant the names with which less is wrong; else those of training.
                fewer = 0 < len(other.fields) < len(error.fields)
                raise (other if fewer else error) from None
        else:
            if not self._lacks(request, self._new_names):
                return request
            try:
                request = getattr(self._second, method)(body, **options)
            except RequestError:
                return request
        own = self._own_names
        return replace(
            request,
            columns={own.get(name, name): values for name, values in request.columns.items()},
            written={own.get(name, name): values for name, values in request.written.items()},
            rows=None,
        )

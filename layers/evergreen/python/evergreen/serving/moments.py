"""Requests to a model with moments: what the model learns from them takes their place.

A request has the moment (``opened``), or what is derived from it (``opened_hour``), as the rows of
a data set have it. The request log has both.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.columns import MISSING_CATEGORY
from evergreen.errors import RequestError
from evergreen.model_definition.moments import derive, read_moment
from evergreen.serving.either import EitherReader
from evergreen.serving.requests import PredictionRequest, RequestReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.clock import Clock
    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition


class MomentReader(EitherReader):
    """Reads requests for a model with moments; the clock gives the time of a row."""

    def __init__(
        self, definition: ModelDefinition, closed: Mapping[str, frozenset[str]], clock: Clock
    ) -> None:
        super().__init__(definition, closed)
        self._moments = list(definition.moments)
        self._model = definition.features
        self._clock = clock
        sent = definition.model_copy(update={"features": definition.inputs})
        self._sent = RequestReader(sent, closed)

    def _either(self, method: str, body: bytes, options: dict[str, Any]) -> PredictionRequest:
        """Return the request with moments, or the one with what is derived from them."""
        request: PredictionRequest
        try:
            request = getattr(self._sent, method)(body, **options)
        except RequestError as error:
            try:
                return self._without_moments(method, body, options)
            except RequestError:
                raise error from None  # the moments are what a caller is to send
        if self._lacks(request, self._moments):
            with suppress(RequestError):
                return self._without_moments(method, body, options)
        return self._derived(request)

    def _without_moments(
        self, method: str, body: bytes, options: dict[str, Any]
    ) -> PredictionRequest:
        request: PredictionRequest = getattr(RequestReader, method)(self, body, **options)
        none = dict.fromkeys(self._moments, [None] * request.size)
        return replace(request, written={**request.written, **none}, rows=None)

    def _derived(self, request: PredictionRequest) -> PredictionRequest:
        now = self._clock()
        # Every value was found to be a moment, or missing.
        read = {
            name: [
                None if text == MISSING_CATEGORY else read_moment(text)
                for text in request.columns[name].tolist()
            ]
            for name in self._moments
        }
        columns: Columns = {}
        written: dict[str, Any] = {name: request.written[name] for name in self._moments}
        for name, feature in self._model.items():
            if feature.derived_from is None or feature.derivation is None:
                columns[name], written[name] = request.columns[name], request.written[name]
                continue
            values = [
                None if moment is None else derive(feature.derivation, moment, now)
                for moment in read[feature.derived_from]
            ]
            written[name] = values
            columns[name] = np.array(values, dtype=np.float32)
        return replace(request, columns=columns, written=written, rows=None)

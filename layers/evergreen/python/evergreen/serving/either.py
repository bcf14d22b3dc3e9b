"""A reader of requests that may have one form or another, such as old and new names of features."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from evergreen.serving.requests import RequestReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.serving.requests import PredictionRequest


class EitherReader(RequestReader):
    """Reads every protocol through :meth:`_either`, which tries one form and then the other."""

    def read(self, body: bytes, **options: Any) -> PredictionRequest:  # noqa: ANN401 - passed on
        """Read a body as :meth:`RequestReader.read` does."""
        return self._either("read", body, options)

    def read_csv(self, body: bytes, **options: Any) -> PredictionRequest:  # noqa: ANN401 - passed on
        """Read comma-separated rows."""
        return self._either("read_csv", body, options)

    def read_json_lines(self, body: bytes, **options: Any) -> PredictionRequest:  # noqa: ANN401
        """Read one row a line."""
        return self._either("read_json_lines", body, options)

    def read_open_inference(self, body: bytes, **options: Any) -> PredictionRequest:  # noqa: ANN401
        """Read an inference request of the Open Inference Protocol."""
        return self._either("read_open_inference", body, options)

    def _lacks(self, request: PredictionRequest, names: Iterable[str]) -> bool:
        """Return whether no row has any of these features, and something was passed over.

        A caller who lets others be passed over may have sent the other form of nullable features.
        """
        values = (value for name in names for value in request.written[name])
        return bool(request.warnings) and all(value is None for value in values)

    @abstractmethod
    def _either(self, method: str, body: bytes, options: dict[str, Any]) -> PredictionRequest:
        """Return the request of one form or the other, read by the method of that name."""

"""A piece that the builders of the Foundation SDK lack."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder


class Ready[Model](Builder[Model]):
    """A builder of something that is built already: where the SDK takes builders only."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def build(self) -> Model:
        """Return it."""
        return self._model

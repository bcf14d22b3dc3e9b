"""An adapter that the builders of the Foundation SDK lack."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder


class Ready[Model](Builder[Model]):
    """A builder that returns an existing object, because the SDK accepts only builders."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def build(self) -> Model:
        """Return the object."""
        return self._model

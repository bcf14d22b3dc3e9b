"""A scikit-learn pipeline in MLServer: tensors become a data frame, as in its documentation."""

from __future__ import annotations

import joblib
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Pipeline(MLModel):  # type: ignore[misc]
    """The pipeline at ``parameters.uri``."""

    async def load(self) -> bool:
        self._pipeline = joblib.load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        frame = self.decode_request(payload, default_codec=PandasCodec)
        scores = self._pipeline.predict_proba(frame)
        labels = self._pipeline.classes_[scores.argmax(axis=1)].tolist()
        outputs = [
            StringCodec.encode_output("predictions", labels),
            NumpyCodec.encode_output("confidences", scores.max(axis=1)),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)

"""The client that openapi-python-client made, as the package ``generated``.

The address and the rows come as JSON on the input, and what it got is written as JSON.
"""

from __future__ import annotations

import json
import sys

from generated.api.late_bus import (
    get_models_late_bus,
    post_models_late_bus_ground_truth,
    post_models_late_bus_predict,
    post_v2_models_late_bus_infer,
)
from generated.client import Client
from generated.models import (
    InstancesLateBus,
    LateBus,
    Model,
    PostModelsLateBusGroundTruthBodyItem,
    PostModelsLateBusGroundTruthBodyItemLabel,
    PostModelsLateBusPredictProbabilities,
    PostV2ModelsLateBusInferJsonBody,
    PostV2ModelsLateBusInferJsonBodyInputsItem,
    PostV2ModelsLateBusInferJsonBodyInputsItemDatatype,
    Predictions,
    Problem,
)

KINDS = {"wind": "FP64", "stops": "INT64", "line": "BYTES", "express": "BOOL"}


def tensors(rows: list[dict[str, object]]) -> PostV2ModelsLateBusInferJsonBody:
    return PostV2ModelsLateBusInferJsonBody(
        inputs=[
            PostV2ModelsLateBusInferJsonBodyInputsItem(
                name=name,
                shape=[len(rows)],
                datatype=PostV2ModelsLateBusInferJsonBodyInputsItemDatatype(kind),
                data=[row[name] for row in rows],
            )
            for name, kind in KINDS.items()
        ]
    )


def main() -> None:
    told = json.load(sys.stdin)
    with Client(base_url=told["address"]) as client:
        rows = [LateBus(**row) for row in told["rows"]]
        answer = post_models_late_bus_predict.sync(
            client=client,
            body=InstancesLateBus(instances=rows),
            probabilities=PostModelsLateBusPredictProbabilities.TRUE,
        )
        assert isinstance(answer, Predictions)
        label = PostModelsLateBusGroundTruthBodyItem(
            request_id=answer.request_id,
            row=1,
            label=PostModelsLateBusGroundTruthBodyItemLabel("late"),
        )
        taken = post_models_late_bus_ground_truth.sync(client=client, body=[label])
        about = get_models_late_bus.sync(client=client)
        assert isinstance(about, Model)
        inferred = post_v2_models_late_bus_infer.sync(client=client, body=tensors(told["rows"]))
        refused = post_models_late_bus_predict.sync(
            client=client, body=InstancesLateBus(instances=[])
        )
        assert isinstance(refused, Problem)
        try:
            post_models_late_bus_predict.sync(client=client)
        except TypeError as error:
            empty = str(error)
    json.dump(
        {
            "predictions": answer.predictions,
            "probabilities": answer.probabilities,
            "accepted": taken.accepted,
            "version": about.production.version,
            "inferred": inferred.outputs[0].data,
            "refused": [refused.status, refused.detail],
            "empty": empty,
        },
        sys.stdout,
    )


main()

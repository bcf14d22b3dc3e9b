"""KServe's SDK: `InferenceRESTClient` in both protocols.

The address and the rows come as JSON on the input, and what it got is written as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

KINDS = {"wind": "FP32", "stops": "INT64", "line": "BYTES", "express": "BOOL"}
DTYPES = {"FP32": np.float32, "INT64": np.int64, "BYTES": np.object_, "BOOL": np.bool_}


def request(rows: list[dict[str, Any]], *, binary: bool) -> InferRequest:
    inputs = []
    for name, kind in KINDS.items():
        values = [row[name] for row in rows]
        if kind == "BYTES":
            values = [value or "" for value in values]
        tensor = InferInput(name, [len(rows)], kind)
        tensor.set_data_from_numpy(np.array(values, dtype=DTYPES[kind]), binary_data=binary)
        inputs.append(tensor)
    return InferRequest("late_bus", inputs)


async def second(address: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    for binary in (False, True):
        answer = await client.infer(address, request(rows, binary=binary), model_name="late_bus")
        found[f"binary {binary}"] = {each.name: list(each.data) for each in answer.outputs}
    found["ready"] = [
        await client.is_server_ready(address),
        await client.is_server_live(address),
        await client.is_model_ready(address, "late_bus"),
        await client.is_model_ready(address, "other"),
    ]
    wrong = request(rows, binary=True)
    wrong.inputs = wrong.inputs[:2]
    try:
        await client.infer(address, wrong, model_name="late_bus")
    except httpx.HTTPStatusError as error:
        found["refused"] = error.response.json()["error"]
    return found


async def first(address: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await client.infer(address, {"instances": rows}, model_name="late_bus")
    ready = await client.is_model_ready(address, "late_bus")
    return {"predictions": answer["predictions"], "ready": ready}


async def main() -> None:
    told = json.load(sys.stdin)
    found = {
        "v2": await second(told["address"], told["rows"]),
        "v1": await first(told["address"], told["rows"]),
    }
    json.dump(found, sys.stdout)


asyncio.run(main())

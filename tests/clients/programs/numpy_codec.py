"""MLServer's NumpyRequestCodec: one tensor with a row for each prediction, and one tensor back.

The address and the rows come as JSON on the input, and what it got is written as JSON.
"""

from __future__ import annotations

import json
import sys
import urllib.request

import numpy as np
from mlserver.codecs import NumpyRequestCodec
from mlserver.types import InferenceResponse


def main() -> None:
    told = json.load(sys.stdin)
    array = np.array([[str(value) for value in row.values()] for row in told["rows"]])
    encoded = NumpyRequestCodec.encode_request(array)
    request = urllib.request.Request(
        f"{told['address']}/v2/models/late_bus/infer",
        encoded.model_dump_json(exclude_none=True).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        response = InferenceResponse.model_validate_json(answer.read())
    json.dump(NumpyRequestCodec.decode_response(response).tolist(), sys.stdout)


main()

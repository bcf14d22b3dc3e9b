"""Binary tensors of the Open Inference Protocol: raw values behind the JSON of a body.

The extension is at https://github.com/kserve/open-inference-protocol (binary tensor data): the
header ``Inference-Header-Content-Length`` gives the bytes of JSON, and each tensor's parameter
``binary_data_size`` its bytes behind it, little-endian. A ``BYTES`` value begins with its length in
four bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.serving.bodies import read_json, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = "inference-header-content-length"
_LENGTH = struct.Struct("<I")
_TYPES = {
    "BOOL": "?",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


def read_binary(body: bytes, header_length: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON of a body whose tensors stand behind it, with their values as ``data``.

    Raises
    ------
    RequestError
        400 if the header is no length within the body or the JSON is none; 422 naming the tensor
        whose bytes do not fit.
    """
    # No body has as many bytes as ten digits say, and Python reads only 4,300 of them.
    if not (header_length.isdecimal() and len(header_length) < 10) or (
        int(header_length) > len(body)
    ):
        raise refusal(HEADER, f"must be at most the {len(body)} bytes of the body")
    start = int(header_length)
    content = read_json(body[:start], nan=True)
    inputs = content.get("inputs") if isinstance(content, dict) else None
    for number, tensor in enumerate(inputs if isinstance(inputs, list) else []):
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            continue
        at = f"inputs[{number}].parameters.binary_data_size"
        if type(size) is not int or not 0 <= size <= len(body) - start:
            raise refusal(at, f"must be at most the {len(body) - start} bytes that are left")
        tensor["data"] = _values(body[start : start + size], tensor.get("datatype"), at)
        start += size
    if start != len(body):
        raise refusal("$", f"has {len(body) - start} bytes that belong to no tensor")
    return content


def to_binary(values: Sequence[Any], datatype: str) -> bytes:
    """Return the raw bytes of a tensor's values.

    Parameters
    ----------
    datatype
        The protocol's name of their type.
    """
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return np.asarray(values, dtype=_TYPES[datatype]).tobytes()


def _values(raw: bytes, datatype: object, at: str) -> list[Any]:
    if datatype == "BYTES":
        return _texts(raw, at)
    kind = _TYPES.get(datatype) if isinstance(datatype, str) else None
    if kind is None:
        raise refusal(at, f"the datatype {datatype} has no binary form")
    try:
        return np.frombuffer(raw, dtype=kind).tolist()
    except ValueError:
        raise refusal(at, f"{len(raw)} bytes are no whole number of {datatype}") from None


def _texts(raw: bytes, at: str) -> list[str]:
    texts, start = [], 0
    while start < len(raw):
        end = start + _LENGTH.size
        if end > len(raw) or (until := end + _LENGTH.unpack_from(raw, start)[0]) > len(raw):
            raise refusal(at, "a value of BYTES is longer than the bytes of its tensor")
        try:
            texts.append(raw[end:until].decode())
        except UnicodeDecodeError:
            raise refusal(at, "a value of BYTES is not UTF-8 text") from None
        start = until
    return texts

"""What a request says beside its rows: metadata, id, requested outputs, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.bodies import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_METADATA_BYTES = 1024
"""Limit of the caller's metadata, which is written into the record of every row."""
MAX_ID_LENGTH = 128
RESERVED_METADATA = frozenset(
    {
        *("role", "batch_size", "inference_ms", "source_ip", "user_agent", "schema_version", "id"),
        "shadow",
    }
)
"""Metadata keys that Evergreen writes itself."""

INFERENCE_OUTPUTS = ("predictions", "confidences", "probabilities", "intervals")
"""Names of the outputs in the Open Inference Protocol."""
_CODECS_OF_ONE = frozenset({"np", "str"})
"""The codecs of MLServer's clients that refuse an answer of more than one tensor."""


def json_object(content: object) -> dict[str, Any]:
    """Return the body as an object, or refuse it with 422."""
    if not isinstance(content, dict):
        raise refusal("$", "must be an object")
    return content


def refuse_others(content: dict[str, Any], allowed: set[str]) -> None:
    """Refuse keys that are not ``allowed``, with 422 and their names."""
    others = [key for key in content if key not in allowed]
    if others:
        message = f"is not known here; allowed: {', '.join(sorted(allowed))}"
        faults = tuple(FieldError(key, message) for key in others[:MAX_FIELD_ERRORS])
        raise RequestError(422, "the body has unknown keys", faults)


def read_metadata(metadata: object, at: str) -> Mapping[str, Any]:
    """Return the caller's metadata, or refuse it with 422 at the path ``at``."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise refusal(at, "must be an object")
    if taken := RESERVED_METADATA.intersection(metadata):
        raise refusal(f"{at}.{min(taken)}", "is written by the service; choose another name")
    if len(to_json(metadata)) > MAX_METADATA_BYTES:
        raise refusal(at, f"must be at most {MAX_METADATA_BYTES} bytes: every row's record has it")
    return metadata


def read_id(value: object) -> str | None:
    """Return the caller's id of the request, or refuse it with 422."""
    if value is None or (isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH):
        return value
    raise refusal("id", f"must be a string of 1 to {MAX_ID_LENGTH} characters")


def unused_parameters(params: object) -> list[str]:
    """Return the warnings about MLflow's parameters of inference: no model here takes any."""
    if params is None:
        return []
    if not isinstance(params, dict):
        raise refusal("params", "must be an object")
    return [f"params.{name} was ignored: this model takes no parameters" for name in params][
        :MAX_FIELD_ERRORS
    ]


def read_outputs(content: object) -> tuple[str, ...] | None:
    """Return the names of the requested outputs, None for all, or refuse them with 422."""
    if content is None:
        return None
    if isinstance(content, list):
        names = [item.get("name") if isinstance(item, dict) else None for item in content]
        if all(name in INFERENCE_OUTPUTS for name in names):
            return tuple(str(name) for name in names)
    known = ", ".join(INFERENCE_OUTPUTS)
    raise refusal("outputs", f"must be a list of objects whose name is one of {known}")


def outputs_of_codec(parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return what a client gets that names no outputs: None for all, or what its codec reads."""
    content_type = parameters.get("content_type")
    one = isinstance(content_type, str) and content_type in _CODECS_OF_ONE
    return ("predictions",) if one else None


def binary_outputs(asked: Any, *, wanted: bool) -> frozenset[str]:  # noqa: ANN401 - any JSON value
    """Return the names of the outputs that are to be raw bytes: each output may say so itself."""
    if asked is None:
        return frozenset(INFERENCE_OUTPUTS) if wanted else frozenset()
    given = {output["name"]: output.get("parameters") for output in asked}
    if not all(each is None or isinstance(each, dict) for each in given.values()):
        raise refusal("outputs", "parameters must be an object")
    parameters = {name: each or {} for name, each in given.items()}
    return frozenset(
        name for name, each in parameters.items() if each.get("binary_data", wanted) is True
    )

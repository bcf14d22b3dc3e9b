"""Request bodies: from the bytes of a request to the text or JSON in them, within limits."""

from __future__ import annotations

import codecs
import re
import zlib
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from evergreen.errors import FieldError, RequestError
from evergreen.strict_json import nan_fault

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 5 * 1024 * 1024
"""Lambda accepts 6 MB for the body and everything around it."""
JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
JSON_LINES_TYPE = "application/jsonlines"
BINARY_TYPE = "application/octet-stream"
_SAME = {
    "application/x-jsonlines": JSON_LINES_TYPE,
    "application/x-ndjson": JSON_LINES_TYPE,
    "application/ndjson": JSON_LINES_TYPE,
}
_MARK = codecs.BOM_UTF8
_QUALITY = re.compile(r"q\s*=\s*(0(?:\.\d*)?|1(?:\.0*)?)")
# gzip and zlib, told from each other by their first bytes.
_ANY_HEADER = 32 + zlib.MAX_WBITS
_PACKED: dict[str, Callable[[bytes], bool]] = {
    "gzip": lambda body: body.startswith(b"\x1f\x8b"),
    # RFC 1950: the first two bytes are a multiple of 31. A text may begin with the first one.
    "deflate": lambda body: body.startswith(b"x") and not int.from_bytes(body[:2]) % 31,
}


def unpack_body(body: bytes, encoding: str | None) -> bytes:
    """Return the body as it was before its ``Content-Encoding``, without a byte order mark.

    Some editors write that before text, and it is no part of JSON.

    API Gateway unpacks bodies itself and keeps the header, so a body that does not begin as a
    packed one is taken as it is.

    Raises
    ------
    RequestError
        413 if it is too long, before or after; 415 for another encoding than gzip or deflate; 400
        if it is damaged.
    """
    name = (encoding or "identity").strip().lower()
    if name not in {"identity", *_PACKED}:
        raise RequestError(415, f"content-encoding {name} is not known; use gzip, deflate, or none")
    if name == "identity" or not _PACKED[name](body):
        return _within_limit(body).removeprefix(_MARK)
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        plain = unpacker.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        raise RequestError(400, f"the body is not valid {name}: {error}") from None
    if not unpacker.eof and len(plain) <= MAX_BYTES:
        raise RequestError(400, f"the body is not valid {name}: it is cut off")
    if unpacker.unused_data:  # a second part would be lost without a word
        rest = len(unpacker.unused_data)
        raise RequestError(400, f"the body is not valid {name}: {rest} bytes follow its end")
    return _within_limit(plain).removeprefix(_MARK)


def media_type(header: str | None, taken: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the media type of a body and its parameters; without a header it is JSON.

    Parameters
    ----------
    header
        The ``Content-Type`` of the request.
    taken
        The media types that the route takes.

    Raises
    ------
    RequestError
        415 for any other.
    """
    first, *rest = (header or JSON_TYPE).split(";")
    name = first.strip().lower()
    name = _SAME.get(name, name)
    if name not in taken:
        raise RequestError(
            415,
            f"content-type {name or 'without a name'} is not taken here; "
            f"send the header content-type: {' or '.join(taken)}",
        )
    parameters = dict(each.strip().lower().partition("=")[::2] for each in rest)
    return name, parameters


def read_json(body: bytes, *, nan: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """Read a body as JSON.

    Parameters
    ----------
    nan
        Whether the tokens ``NaN`` and ``Infinity`` are taken, which some clients send although
        JSON does not have them.

    Raises
    ------
    RequestError
        413 if it is too long; 400 if it is not JSON.
    """
    try:
        return from_json(_within_limit(body), allow_inf_nan=nan)
    except ValueError as error:
        why = nan_fault(body) or error
        raise RequestError(400, f"the body is not valid JSON: {why}") from None


def read_text(body: bytes) -> str:
    """Read a body as UTF-8 text; a byte order mark is no part of it.

    Raises
    ------
    RequestError
        413 if it is too long; 400 if it is not UTF-8.
    """
    try:
        return _within_limit(body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 text: {error}") from None


def chosen(accept: str | None, given: tuple[str, ...]) -> tuple[str, bool]:
    """Return which of the media types ``given`` the caller likes best, and if it is verbose.

    ``application/jsonlines; verbose=true`` is how SageMaker's own containers are asked for more
    than the prediction. Of types with the same quality (``q``) the first one is taken.

    Parameters
    ----------
    accept
        The ``Accept`` header; without one the first is chosen.

    Raises
    ------
    RequestError
        406 if it accepts none of them.
    """
    ranges = []
    for each in (accept or "*/*").split(","):
        first, *rest = (part.strip().lower() for part in each.split(";"))
        ranges.append((_quality(rest), _SAME.get(first, first) or "*/*", "verbose=true" in rest))
    refused = {name for quality, name, _ in ranges if not quality}
    for _, name, verbose in sorted(ranges, key=itemgetter(0), reverse=True):
        for each in given:
            whole = each.partition("/")[0] + "/*"
            if name in {each, whole, "*/*"} and refused.isdisjoint({each, name}):
                return each, verbose
    raise RequestError(406, f"none of {accept} can be sent here; accept {' or '.join(given)}")


def _quality(parameters: list[str]) -> float:
    """Return the ``q`` of a type of ``Accept``, from 0 to 1; without a valid one it is 1."""
    for each in parameters:
        if found := _QUALITY.fullmatch(each):
            return float(found[1])
    return 1.0


def refusal(at: str, message: str) -> RequestError:
    """Return the error for one fault of a body."""
    return RequestError(422, "the body does not fit the model", (FieldError(at, message),))


def require_length(size: int) -> None:
    """Refuse a body of so many bytes if they are too many, with 413."""
    if size > MAX_BYTES:
        raise RequestError(413, f"the body has {size} bytes; at most {MAX_BYTES} are taken")


def _within_limit(body: bytes) -> bytes:
    require_length(len(body))
    return body

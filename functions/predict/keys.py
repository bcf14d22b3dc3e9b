"""Which API key may do what, where ground truth has a key of its own."""

from __future__ import annotations

from fastapi import Request

from evergreen.errors import RequestError
from functions.predict.settings import settings


def require_key(request: Request, *, ground_truth: bool) -> None:
    """Refuse a call with the key of the other purpose.

    API Gateway lets any of its keys call any route, and says which one it was. Without the setting
    every key may do both. A server without a gateway looks at its keys itself.

    Raises
    ------
    RequestError
        403 if predictions are asked for with the key of ground truth, or the other way round.
    """
    own = settings().ground_truth_key_id
    event = request.scope.get("aws.event")
    if own is None or event is None:
        return
    used = event["requestContext"]["identity"].get("apiKeyId")
    if (used == own) != ground_truth:
        needed = "is only taken with" if ground_truth else "are not made with"
        what = "ground truth" if ground_truth else "predictions"
        raise RequestError(403, f"{what} {needed} the API key of ground truth")

"""Reserved concurrency: CloudFormation sets it, which LocalStack's leaves out.

LocalStack's Lambda keeps to a function's reserved concurrency once it is set: it throttles what is
called synchronously, and tries again what is called asynchronously.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from evergreen_strict_localstack.stock import UnexpectedCodeError

if TYPE_CHECKING:
    from collections.abc import Callable

SETTING = "EVERGREEN_STRICT_CONCURRENCY"
_PROPERTY = "ReservedConcurrentExecutions"


def patch(provider: type[Any], success: object) -> None:
    """Change what creates and updates functions for CloudFormation.

    Parameters
    ----------
    provider
        LocalStack's ``LambdaFunctionProvider``.
    success
        The status of a step that is complete.

    Raises
    ------
    UnexpectedCodeError
        If it sets reserved concurrency by itself.
    """
    for name in ("create", "update"):
        stock = getattr(provider, name)
        if "function_concurrency" in inspect.getsource(stock):
            raise UnexpectedCodeError(f"LambdaFunctionProvider.{name} sets reserved concurrency")
        setattr(provider, name, _with_concurrency(stock, success))


def _with_concurrency(stock: Callable[[Any, Any], Any], success: object) -> Callable[..., Any]:
    def step(self: Any, request: Any) -> Any:
        event = stock(self, request)
        if event.status == success:
            client = request.aws_client_factory.lambda_
            name = event.resource_model["FunctionName"]
            wanted = request.desired_state.get(_PROPERTY)
            before = (request.previous_state or {}).get(_PROPERTY)
            if wanted is not None:
                client.put_function_concurrency(
                    FunctionName=name, ReservedConcurrentExecutions=int(wanted)
                )
            elif before is not None:
                client.delete_function_concurrency(FunctionName=name)
                event.resource_model.pop(_PROPERTY, None)
        return event

    return step

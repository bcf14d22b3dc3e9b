"""Logs of functions: a new stream needs no right to create the group, which is there.

LocalStack writes a function's log with its role. For each new stream it first creates the group,
and gives the lines up if the role may not. On AWS most roles may not.
"""

from __future__ import annotations

from typing import Any

from evergreen_strict_localstack.stock import rewrite

_STOCK = """\
                # create new log group
                try:
                    logs_client.create_log_group(logGroupName=log_item.log_group)
                except logs_client.exceptions.ResourceAlreadyExistsException:
                    pass
                logs_client.create_log_stream(
                    logGroupName=log_item.log_group, logStreamName=log_item.log_stream
                )
"""
_OURS = """\
                try:
                    logs_client.create_log_stream(
                        logGroupName=log_item.log_group, logStreamName=log_item.log_stream
                    )
                except logs_client.exceptions.ResourceNotFoundException:
                    logs_client.create_log_group(logGroupName=log_item.log_group)
                    logs_client.create_log_stream(
                        logGroupName=log_item.log_group, logStreamName=log_item.log_stream
                    )
"""


def patch(handler: type[Any]) -> None:
    """Change LocalStack's ``LogHandler``.

    Raises
    ------
    UnexpectedCodeError
        If its code is not the expected one.
    """
    handler.run_log_loop = rewrite(handler.run_log_loop, (_STOCK, _OURS))

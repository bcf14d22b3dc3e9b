"""The log format of a function: every line is JSON, also the lines of libraries.

Lambda's runtime writes the lines of libraries as plain text, and a traceback without a new line at
its end. Then the next line, which may hold the metrics of the invocation, is joined to it and lost.

Lambda's own JSON log format is not set. It changes only the lines of the platform and of the
runtime, not those that a function prints, and LocalStack does not have it. So an exception that
leaves the handler is still one line of plain text, which the runtime ends with a new line.
"""

from __future__ import annotations

import logging
import sys

from aws_lambda_powertools import Logger

_NAME = "evergreen"


def create_logger() -> Logger:
    """Return the function's logger, and let all other loggers write through its formatter."""
    logger = Logger(name="%(name)s")
    ours = logging.StreamHandler(sys.stdout)
    ours.set_name(_NAME)
    ours.setFormatter(logger.registered_formatter)
    ours.addFilter(lambda record: record.name != logger.service)  # that one has its own handler
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not _is_replaced(each)] + [ours]
    logging.captureWarnings(capture=True)
    return logger


def _is_replaced(handler: logging.Handler) -> bool:
    return handler.get_name() == _NAME or type(handler).__module__.startswith("awslambdaric")

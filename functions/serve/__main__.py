"""Serve one model in a container: ``python -m functions.serve``, with its settings as variables."""

from __future__ import annotations

from contextlib import suppress

from evergreen.errors import EvergreenError
from functions.predict.service import service
from functions.serve.running import listen, run_server
from functions.serve.settings import server_settings
from functions.shared.api import logger


def main() -> None:
    """Serve until the process is told to end."""
    environment = server_settings()
    try:
        service().server.champion()
    except EvergreenError as error:
        # It answers 503 until there is a version, and then serves it.
        logger.error("not ready: %s", error)
    listening = listen(environment.host, environment.port)
    logger.info("listening at %s:%s", *listening.getsockname()[:2])
    with suppress(KeyboardInterrupt):
        run_server(environment, listening)


if __name__ == "__main__":
    main()

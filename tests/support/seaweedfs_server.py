"""A second S3 for the tests: SeaweedFS on loopback, with credentials and its own folder."""

from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING

from local import process, seaweedfs
from local.ports import HOST, pick, pick_block
from local.process import Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from local.settings import Paths

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "second", "AWS_SECRET_ACCESS_KEY": "not-the-emulators"}
_SECONDS = 90


class SeaweedFS:
    """A running SeaweedFS: master, volume, filer and S3 gateway in one process."""

    def __init__(self, paths: Paths, folder: Path) -> None:
        port = pick(None)
        inner = pick_block(None, seaweedfs.INNER_PORTS, frozenset({port}))
        self.endpoint_url = f"http://{HOST}:{port}"
        log = folder / "seaweedfs.log"
        self._child = process.start(
            Command(
                arguments=seaweedfs.arguments(paths, folder, port, inner),
                environment={**CREDENTIALS, "PATH": os.environ["PATH"], "HOME": str(folder)},
                folder=folder,
                log=log,
            )
        )
        try:
            process.wait_until_healthy(
                self._child,
                lambda: seaweedfs.takes_objects(self.endpoint_url, CREDENTIALS, "probe"),
                title="SeaweedFS",
                log=log,
                seconds=_SECONDS,
                cancelled=Event(),
            )
        except BaseException:
            self.stop()
            raise

    def client(self, credentials: Mapping[str, str] = CREDENTIALS) -> S3Client:
        """Return an S3 client of the server."""
        return seaweedfs.client(self.endpoint_url, credentials)

    def stop(self) -> None:
        """Stop the server by its handle."""
        process.stop(self._child, politely=seaweedfs.STOP_SIGNAL)

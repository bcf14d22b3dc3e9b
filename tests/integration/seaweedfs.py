"""A second S3 for the tests: SeaweedFS on loopback, with credentials, in a folder of its own."""

from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import process
from local.ports import HOST, pick
from local.process import Command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from local.settings import Paths

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "second", "AWS_SECRET_ACCESS_KEY": "not-the-emulators"}
_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)
_SECONDS = 90


class SeaweedFS:
    """A running server: master, volume, filer and S3 gateway in one process."""

    def __init__(self, paths: Paths, folder: Path) -> None:
        taken: set[int] = set()
        for _ in _PORTS:
            taken.add(pick(None, frozenset(taken)))
        self._ports = dict(zip(_PORTS, sorted(taken), strict=True))
        self.endpoint_url = f"http://{HOST}:{self._ports['s3.port']}"
        log = folder / "seaweedfs.log"
        self._child = process.start(
            Command(
                arguments=(
                    str(paths.environments / "services" / "bin" / "weed"),
                    *("server", f"-dir={folder}", f"-ip={HOST}", f"-ip.bind={HOST}"),
                    *("-filer", "-s3", "-s3.iam=false"),
                    *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                    *("-master.volumeSizeLimitMB=64", "-volume.max=0"),
                    *(f"-{name}={port}" for name, port in self._ports.items()),
                ),
                environment={**CREDENTIALS, "PATH": os.environ["PATH"], "HOME": str(folder)},
                folder=folder,
                log=log,
            )
        )
        try:
            process.wait_until_healthy(
                self._child,
                self._takes_objects,
                title="SeaweedFS",
                log=log,
                seconds=_SECONDS,
                cancelled=Event(),
            )
        except BaseException:
            self.stop()
            raise

    def client(self, credentials: Mapping[str, str] = CREDENTIALS) -> S3Client:
        """Return an S3 client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def stop(self) -> None:
        """Stop it, by its handle."""
        process.stop(self._child)

    def _takes_objects(self) -> bool:
        # Its port opens before there is a volume that could take anything.
        client = self.client()
        try:
            if not client.list_buckets()["Buckets"]:
                client.create_bucket(Bucket="probe")
            client.put_object(Bucket="probe", Key="probe", Body=b"probe")
        except (BotoCoreError, ClientError):
            return False
        return True

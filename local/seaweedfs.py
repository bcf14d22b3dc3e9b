"""The SeaweedFS service: an S3 that keeps MLflow's artifacts on disk; LocalStack's is in memory."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from evergreen.aws import Patience
from evergreen.deployment.laptop import REGION
from local.files import made_up_secret
from local.ports import HOST
from local.process import Command
from local.service import LocalService
from local.settings import ARTIFACT_BUCKET, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "evergreen"
_LIMITS = Patience(connect=5, read=60, attempts=1)
_PARTS = (
    *("s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc"),
)
INNER_PORTS = len(_PARTS)
"""Number of neighbouring ports that its parts need to communicate, besides the S3 port."""
_SOCKETS = Path("/tmp")  # noqa: S108 - where it puts them, whatever it is told
_PROBE = ".probe"
STOP_SIGNAL = signal.SIGKILL
"""Killing it is safe: everything that it has acknowledged is in its files. After SIGTERM it takes
15 seconds to end, because its parts, in one process, wait for each other's open streams."""


def seaweedfs(settings: Settings, port: int, first_inner_port: int) -> LocalService:
    """Describe SeaweedFS with its S3 on the given port.

    Parameters
    ----------
    settings
        The stack's settings.
    port
        Port of its S3.
    first_inner_port
        First of the ``INNER_PORTS`` ports for its parts.
    """
    url = f"http://{HOST}:{port}"
    folder = settings.paths.state / "seaweedfs"
    return LocalService(
        name="seaweedfs",
        title="SeaweedFS",
        url=url,
        port=port,
        wiring="",
        prepare=partial(_forget_the_run_before, folder),
        command=lambda: Command(
            arguments=arguments(settings.paths, folder, port, first_inner_port),
            environment={**settings.inherited, **credentials(settings), "HOME": str(folder)},
            folder=folder,
            log=settings.paths.logs / "seaweedfs.log",
        ),
        healthy=lambda: takes_objects(url, credentials(settings), ARTIFACT_BUCKET),
        stop_signal=STOP_SIGNAL,
    )


def arguments(paths: Paths, folder: Path, port: int, first_inner_port: int) -> tuple[str, ...]:
    """Return the command that runs all parts of SeaweedFS in one process, on loopback.

    If its environment has AWS credentials, it accepts only those.
    """
    inner = {name: first_inner_port + offset for offset, name in enumerate(_PARTS)}
    return (
        str(paths.environments / "services" / "bin" / "weed"),
        # Its sockets lie in its folder. A socket's path may have 107 bytes, so the names are
        # relative.
        *("-logtostderr=true", "server", f"-dir={folder}", f"-ip={HOST}", f"-ip.bind={HOST}"),
        *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
        *("-filer", "-s3", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=0"),
        f"-s3.port={port}",
        *(f"-{name}={number}" for name, number in inner.items()),
    )


def credentials(settings: Settings) -> Mapping[str, str]:
    """Return the environment variables with the credentials of this stack's SeaweedFS."""
    secret = made_up_secret(settings.paths.state / "seaweedfs.secret")
    return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": secret}


def client(url: str, credentials: Mapping[str, str]) -> S3Client:
    """Return an S3 client without retries."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        config=_LIMITS.config().merge(Config(s3={"addressing_style": "path"})),
    )


def takes_objects(url: str, credentials: Mapping[str, str], bucket: str) -> bool:
    """Make sure that the bucket exists, and return whether objects can be written to it.

    Its port opens before there is a volume that can store objects.
    """
    s3 = client(url, credentials)
    with closing(s3):
        try:
            if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key=_PROBE, Body=b"")
        except (BotoCoreError, ClientError):
            return False
    return True


def remove_data(paths: Paths) -> None:
    """Delete every object and the credentials; SeaweedFS must not be running."""
    shutil.rmtree(paths.state / "seaweedfs", ignore_errors=True)
    (paths.state / "seaweedfs.secret").unlink(missing_ok=True)


def remove_sockets(folder: Path = _SOCKETS) -> None:
    """Delete the sockets of runs that have ended.

    Each part opens one for gRPC in ``/tmp``, named after its port, and leaves it behind. A later
    run of another user on that port could not delete it, and would wait for ever.
    """
    for path in folder.glob("seaweedfs-*-grpc-*.sock"):
        try:
            if path.stat().st_uid == os.geteuid() and not _listens(path):
                path.unlink()
        except FileNotFoundError:
            continue  # another stack has just deleted it


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def _forget_the_run_before(folder: Path) -> None:
    remove_sockets()
    # Each run's master elects itself again. The volumes and the filer hold the list of objects.
    for left in folder.glob("m[0-9]*"):
        shutil.rmtree(left)

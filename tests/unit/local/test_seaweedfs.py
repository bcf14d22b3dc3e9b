"""SeaweedFS as it is started; tests/integration/test_local_stack.py runs it."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from local import seaweedfs
from local.ports import pick
from local.settings import Paths, Settings


def test_all_ports_are_given_and_differ(tmp_path: Path) -> None:
    command = seaweedfs.arguments(Paths(tmp_path, tmp_path), tmp_path, 8333, 9000)
    flags = dict(text.split("=") for text in command if ".port" in text)
    used = [int(value) for value in flags.values() if value != "0"]
    assert sorted(used) == [8333, *range(9000, 9000 + seaweedfs.INNER_PORTS)]


def test_secret_stays_off_the_command_line_and_is_kept(tmp_path: Path) -> None:
    settings = Settings(Paths(tmp_path, tmp_path))
    command = seaweedfs.seaweedfs(settings, 8333, 9000).command()
    secret = seaweedfs.credentials(settings)["AWS_SECRET_ACCESS_KEY"]
    assert command.environment["AWS_SECRET_ACCESS_KEY"] == secret
    assert not any(secret in text for text in command.arguments)
    assert (tmp_path / "seaweedfs.secret").stat().st_mode & 0o777 == 0o600


def test_start_forgets_earlier_masters_and_no_data(tmp_path: Path) -> None:
    settings = Settings(Paths(tmp_path, tmp_path))
    folder = tmp_path / "seaweedfs"
    for name in ("m9333", "filerldb2"):
        (folder / name).mkdir(parents=True)
    (folder / "artifacts_1.dat").touch()
    seaweedfs.seaweedfs(settings, 8333, 9000).prepare()
    assert sorted(each.name for each in folder.iterdir()) == ["artifacts_1.dat", "filerldb2"]
    seaweedfs.remove_data(settings.paths)
    assert not folder.exists()


def test_nothing_listening_takes_no_objects(tmp_path: Path) -> None:
    credentials = seaweedfs.credentials(Settings(Paths(tmp_path, tmp_path)))
    assert not seaweedfs.takes_objects(f"http://127.0.0.1:{pick(None)}", credentials, "bucket")


def test_only_sockets_of_runs_that_have_ended_are_deleted() -> None:
    with tempfile.TemporaryDirectory() as name:  # a short path, as a socket needs
        folder = Path(name)
        sockets = {
            part: folder / f"seaweedfs-{part}-grpc-1.sock" for part in ("filer", "s3", "volume")
        }
        for path in sockets.values():
            with socket.socket(socket.AF_UNIX) as ended:
                ended.bind(str(path))
        if os.geteuid() == 0:
            os.chown(sockets["volume"], 65_534, 65_534)
        sockets["s3"].unlink()
        (folder / "another-grpc-1.sock").touch()
        with socket.socket(socket.AF_UNIX) as running:
            running.bind(str(sockets["s3"]))
            running.listen()
            seaweedfs.remove_sockets(folder)
        left = {path.name for path in folder.iterdir()}
    kept = {"another-grpc-1.sock", sockets["s3"].name}
    others = {sockets["volume"].name} if os.geteuid() == 0 else set()
    assert left == kept | others

"""Bundles, the lake and the MLflow server on SeaweedFS, an S3 that is not LocalStack.

The image's own script starts the server, in an environment with the image's versions and with
PostgreSQL. So sign-in, host check and artifacts are as in a deployment.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.errors import BundleError
from evergreen.lake.compaction import compact
from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.production import ProductionPointer
from evergreen.registry.writer import Registry
from evergreen.storage import Storage
from functions.shared.tracking import tracking_client
from local import process
from local.environments import ENVIRONMENTS, build_environment
from local.ports import HOST, pick
from local.postgres import DATABASE, USER, password, postgres, remove_data
from local.process import Command
from local.service import answers
from local.settings import Settings, read_settings
from tests.conftest import say
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records
from tests.support.seaweedfs_server import CREDENTIALS, SeaweedFS
from tests.support.trained_models import DEFINITION, ROW, bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ADMIN = ("admin", "a-long-password-of-the-test")
NAME = "mlflow.example.com"
"""The one name by which the server may be called, besides this machine's own."""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    state = Path(tempfile.mkdtemp(prefix="evergreen-second-s3-"))
    state.chmod(0o711)  # PostgreSQL under another user must find its folder in it
    settings = read_settings(state=state)
    try:
        (services,) = (each for each in ENVIRONMENTS if each.name == "services")
        build_environment(settings.paths, services, say)
        yield settings
    finally:
        remove_data(settings)
        shutil.rmtree(state)


@pytest.fixture(scope="module")
def seaweedfs(settings: Settings) -> Iterator[SeaweedFS]:
    folder = settings.paths.state / "seaweedfs"
    folder.mkdir()
    server = SeaweedFS(settings.paths, folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def storage(seaweedfs: SeaweedFS) -> Storage:
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    seaweedfs.client().create_bucket(Bucket=bucket)
    return Storage(bucket, seaweedfs.client())


@pytest.fixture(scope="module")
def postgres_port(settings: Settings) -> Iterator[int]:
    service = postgres(settings, pick(None))
    service.prepare()
    child = process.start(service.command())
    try:
        process.wait_until_healthy(
            child,
            service.healthy,
            title=service.title,
            log=settings.paths.logs / "postgres.log",
            seconds=service.start_seconds,
            cancelled=Event(),
        )
        yield service.port
    finally:
        process.stop(child, politely=service.stop_signal)


@pytest.fixture(scope="module")
def mlflow_url(settings: Settings, seaweedfs: SeaweedFS, postgres_port: int) -> Iterator[str]:
    """Start the server as its image does, with environment variables only."""
    seaweedfs.client().create_bucket(Bucket="artifacts")
    port = pick(None)
    folder, log = settings.paths.state / "mlflow", settings.paths.logs / "mlflow.log"
    programs = settings.paths.environments / "services" / "bin"
    child = process.start(
        Command(
            arguments=(str(ROOT / "layers" / "mlflow" / "start"),),
            environment={
                **CREDENTIALS,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "HOME": str(folder),
                "AWS_DEFAULT_REGION": "us-east-1",
                "MLFLOW_S3_ENDPOINT_URL": seaweedfs.endpoint_url,
                "ARTIFACTS": "s3://artifacts",
                "HOST": HOST,
                "PORT": str(port),
                "PGHOST": HOST,
                "PGPORT": str(postgres_port),
                "PGUSER": USER,
                "PGPASSWORD": password(settings),
                "PGDATABASE": DATABASE,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": uuid.uuid4().hex,
                "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN[1],
                "MLFLOW_SERVER_ALLOWED_HOSTS": f"{NAME},{HOST}:*",
            },
            folder=folder,
            log=log,
        )
    )
    url = f"http://{HOST}:{port}"
    try:
        process.wait_until_healthy(
            child,
            lambda: answers(f"{url}/health"),
            title="MLflow",
            log=log,
            seconds=180,
            cancelled=Event(),
        )
        yield url
    finally:
        process.stop(child)


@pytest.fixture
def client(mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN[1])
    return MlflowClient(mlflow_url)


def pointer(uri: str, sha256: str) -> ProductionPointer:
    return ProductionPointer(
        version="1",
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id="ds-1",
        promoted_at=NOW,
    )


def test_a_bundle_is_read_back_as_it_was(storage: Storage) -> None:
    uri, sha256 = save_bundle(storage, DEFINITION.name, bundle())
    assert load_bundle(storage, pointer(uri, sha256)) == bundle()


def test_an_altered_bundle_is_refused(storage: Storage) -> None:
    uri, sha256 = save_bundle(storage, DEFINITION.name, bundle())
    storage.put(f"bundles/{DEFINITION.name}/1/model.onnx", bundle().model + b" ")
    with pytest.raises(BundleError, match="altered after promotion"):
        load_bundle(storage, pointer(uri, sha256))


def land(storage: Storage, name: str, request_id: str, moment: datetime) -> None:
    records = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[ROW, {**ROW, "wind": None}],
        outputs=["late", "on time"],
        confidences=[0.9, 0.6],
        metadata={"role": "champion"},
    )
    key = f"{REQUEST_LOG.raw_prefix(DEFINITION.name, moment.date())}{moment:%H}/{name}"
    storage.put(key, b"".join(map(encode, records)))


def test_the_lake_reads_each_row_once_before_and_after_compaction(storage: Storage) -> None:
    catalog = catalog_in(storage)
    lake = Lake(storage, catalog, clock=lambda: NOW)

    def rows() -> list[tuple[str, int, float | None]]:
        table = lake.predictions(DEFINITION, NOW - timedelta(hours=1), NOW)
        columns = (table[name].to_pylist() for name in ("request_id", "row", "wind"))
        return list(zip(*columns, strict=True))

    land(storage, "one", "r1", NOW - timedelta(minutes=30))
    land(storage, "again", "r1", NOW - timedelta(minutes=30))
    expected = [("r1", 0, 0.5), ("r1", 1, None)]
    assert rows() == expected
    [done] = compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW).done
    assert (done.rows, done.duplicates, done.rejected) == (2, 2, 0)
    land(storage, "late", "r2", NOW - timedelta(minutes=1))
    compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW)
    assert rows() == [*expected, ("r2", 0, 0.5), ("r2", 1, None)]
    data = f"{REQUEST_LOG.table_prefix(DEFINITION.name)}data/"
    assert len(list(storage.list(data))) == 2


def test_of_many_who_take_the_lock_at_once_one_gets_it(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(
            pool.map(lambda n: storage.put_if_absent("locks/m.json", b"%d" % n), range(16))
        )
    assert taken.count(True) == 1
    found = storage.get_with_etag("locks/m.json")
    assert found is not None
    assert found[0] == b"%d" % taken.index(True)
    with ThreadPoolExecutor(8) as pool:
        put = storage.put_if_unchanged
        taken = list(
            pool.map(lambda _: put("locks/m.json", uuid.uuid4().bytes, found[1]), range(16))
        )
    assert taken.count(True) == 1
    assert storage.put_if_unchanged("locks/other.json", b"", found[1]) is False


def test_it_refuses_keys_it_does_not_know(seaweedfs: SeaweedFS) -> None:
    stranger = seaweedfs.client({**CREDENTIALS, "AWS_ACCESS_KEY_ID": "stranger"})
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()


def test_a_version_is_registered_and_its_artifacts_lie_in_the_second_s3(
    client: MlflowClient, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    model, body = "late_bus", json.dumps({"trained": True})
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text(body)
    registry = Registry(client)
    run = registry.start_run(model, "a run", {})
    registry.upload(run, folder, "model")
    version = registry.register(model, run, "ds-1")
    registry.attach_bundle(model, version, "s3://data/bundles/late_bus/1/", "0" * 64)
    registry.end_run(run)
    registry.set_production(model, version, None)
    assert registry.find(model, version).run_id == run
    assert registry.in_stage(model) == [version]
    keys = [item.key for item in Storage("artifacts", seaweedfs.client()).list("")]
    assert [key.rsplit("/", 1)[-1] for key in keys] == ["model.json"]
    fetched = client.download_artifacts(run, "model/model.json", str(tmp_path))
    assert Path(fetched).read_text() == body


@pytest.mark.parametrize("sign_in", [None, ("admin", "wrong"), ("admin", "password1234")])
def test_nobody_gets_in_without_the_password(
    mlflow_url: str, sign_in: tuple[str, str] | None
) -> None:
    search = f"{mlflow_url}/api/2.0/mlflow/experiments/search"
    answer = requests.post(search, json={"max_results": 1}, auth=sign_in, timeout=30)
    assert answer.status_code == requests.codes.unauthorized
    allowed = requests.post(search, json={"max_results": 1}, auth=ADMIN, timeout=30)
    assert allowed.status_code == requests.codes.ok


def test_it_answers_to_its_name_and_to_no_other(mlflow_url: str) -> None:
    def status(path: str, host: str) -> int:
        headers = {"Host": host}
        return requests.get(
            f"{mlflow_url}{path}", auth=ADMIN, headers=headers, timeout=30
        ).status_code

    assert status("/", NAME) == requests.codes.ok
    assert status("/", "elsewhere.example.com") == requests.codes.forbidden
    # A load balancer checks health by IP address and without a password.
    assert status("/health", "10.0.0.7:5000") == requests.codes.ok
    assert answers(f"{mlflow_url}/health")


def test_a_function_signs_in_with_what_secrets_manager_keeps(
    mlflow_url: str, local_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_stack.client_environment().items():
        monkeypatch.setenv(name, value)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # restored after the test
    secrets = boto3.client("secretsmanager")

    def client(password: str) -> MlflowClient:
        sign_in = json.dumps({"username": ADMIN[0], "password": password})
        secret = secrets.create_secret(Name=f"mlflow-{uuid.uuid4().hex}", SecretString=sign_in)
        return tracking_client(mlflow_url, secret["ARN"])

    assert client(ADMIN[1]).search_experiments(max_results=1)
    with pytest.raises(MlflowException, match="401"):
        client("wrong").search_experiments(max_results=1)

"""The loop through the images: train and promote, serve, check drift; and a run in MLflow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import psycopg
import pyarrow as pa
from psycopg.conninfo import make_conninfo

from cli.shared.examples import find_example
from cli.shared.replaying import Pace, replay
from cli.shared.traffic import Api
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.clock import utc_now
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import write_dataset
from evergreen.deployment.laptop import DUMMY_CREDENTIALS, REGION
from evergreen.lake.catalog import open_catalog
from evergreen.lake.compaction import compact
from evergreen.production import Production
from evergreen.storage import Storage
from local import postgres, seaweedfs
from local.ports import HOST
from local.settings import ARTIFACT_BUCKET
from local.state import StateFile
from tests.images.running import ImageError, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stack import Stack

MODEL = "daily_ridership"
ROWS = 100
_STAGE, _BUCKET, _BUS = "dev", "evergreen-dev-data", "evergreen-dev"
_STREAMS = {"requests": request_log_landing_prefix(MODEL), "labels": labels_landing_prefix(MODEL)}
_KEY = "a-key-of-the-test"
_ADMIN = ("admin", "a-long-password-of-the-test")


@dataclass(frozen=True, slots=True)
class Account:
    """What the images find around them: a bucket, an event bus and two streams, on LocalStack.

    Parameters
    ----------
    stack
        The stack with LocalStack, and PostgreSQL and SeaweedFS for MLflow.
    """

    stack: Stack

    def client(self, service: str) -> Any:
        """Return a client of LocalStack."""
        session = boto3.Session(
            aws_access_key_id=DUMMY_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=DUMMY_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        return session.client(service, endpoint_url=self.stack.endpoint_url)  # type: ignore[call-overload]

    @property
    def storage(self) -> Storage:
        """The data bucket."""
        return Storage(_BUCKET, self.client("s3"))

    @property
    def production(self) -> Production:
        """The pointer that the images write and follow."""
        return Production(_STAGE, self.client("ssm"))

    def create(self) -> None:
        """Create the bucket, the bus and the streams, which write at once."""
        self.client("s3").create_bucket(Bucket=_BUCKET)
        self.client("events").create_event_bus(Name=_BUS)
        firehose = self.client("firehose")
        for name, prefix in _STREAMS.items():
            firehose.create_delivery_stream(
                DeliveryStreamName=name,
                ExtendedS3DestinationConfiguration={
                    "RoleARN": "arn:aws:iam::000000000000:role/firehose",
                    "BucketARN": f"arn:aws:s3:::{_BUCKET}",
                    "Prefix": prefix,
                    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
                },
            )

    def environment(self) -> dict[str, str]:
        """Return the variables of a function, with the registry in the bucket."""
        found = {
            **self.stack.client_environment(),
            "EVERGREEN_STAGE": _STAGE,
            "EVERGREEN_VERSION": "0",
            "EVERGREEN_BUCKET": _BUCKET,
            "EVERGREEN_EVENT_BUS": _BUS,
            "EVERGREEN_METRICS": "lean",
            "EVERGREEN_LAKE_DATABASE": f"evergreen_{_STAGE}",
            "EVERGREEN_REQUEST_STREAM": "requests",
            "EVERGREEN_LABEL_STREAM": "labels",
            "MLFLOW_CONFIGURE_LOGGING": "false",
        }
        del found["MLFLOW_TRACKING_URI"]
        return found


def check_training(account: Account, program: Program, say: Callable[[str], None]) -> None:
    """Train, register, evaluate and promote, each by its own handler in the image."""
    example = find_example(MODEL)
    rows = example.load(example.trained_on, example.fraction)
    table = split_rows(example.definition, pa.Table.from_pandas(rows, preserve_index=False))
    manifest = write_dataset(
        account.storage,
        example.definition,
        table,
        sources=[example.source],
        data_until=utc_now(),
        clock=utc_now,
    )
    event: Any = {
        "model": MODEL,
        "dataset_id": manifest.dataset_id,
        "execution": "arn:aws:states:us-east-1:000000000000:execution:images:1",
        "trigger": "Upload",
    }
    for folder in ("train", "register_challenger", "evaluate", "promote"):
        message = program.invoke(folder, event)
        if message.kind != "response":
            raise ImageError(f"{folder} failed: {message.body.decode()}")
        event = json.loads(message.body)
        say(f"{folder} answered")
    pointer = account.production.read(MODEL)
    if pointer is None or pointer.version != event["challenger"]:
        raise ImageError(f"{pointer} is in production, not version {event['challenger']}")
    say(f"version {pointer.version} is in production: {event['reason']}")
    for folder in ("build_dataset", "clean_up", "compare_shadow", "mirror_rollback"):
        refused = program.invoke(folder, {})
        if refused.kind != "error":
            raise ImageError(f"{folder} took an empty event: {refused.body.decode()}")
        say(f"{folder} is loaded, and refuses an empty event: {error_of(refused.body)}")


def check_serving(account: Account, program: Program, say: Callable[[str], None]) -> None:
    """Serve what the training image made, and log what is predicted."""
    example = find_example(MODEL)
    rows = example.load(example.replayed, example.fraction).head(ROWS)
    variables = account.environment() | {"EVERGREEN_MODEL": MODEL, "EVERGREEN_API_KEY": _KEY}
    variables["EVERGREEN_HOST"] = HOST
    with (
        program.serve(["python", "-m", "functions.serve"], variables, "/ping") as url,
        Api(url, _KEY) as api,
    ):
        done = replay(api, example.definition, rows, pace=Pace(batch_rows=50))
        refused = httpx.get(f"{url}/models/{MODEL}", timeout=30).status_code
    pointer = account.production.read(MODEL)
    if (done.rows, refused) != (ROWS, 403):
        raise ImageError(f"{done.rows} of {ROWS} rows were served; without a key: {refused}")
    say(f"{done.rows} rows served by version {pointer.version if pointer else None}")


def check_drift(account: Account, program: Program, say: Callable[[str], None]) -> None:
    """Check what was served: the image reads the log's tables, tests, and writes its report.

    LocalStack has no Glue. So the tables are in PostgreSQL, as on every laptop, and the packages
    for that are installed into the container, not into the image.
    """
    program.install("sql-catalog")
    definition = find_example(MODEL).definition
    uri = program.environment["EVERGREEN_LAKE_CATALOG"]
    catalog = open_catalog(uri, account.storage, f"evergreen_{_STAGE}")
    compacted = compact(account.storage, catalog, definition, include_open=True)
    if compacted.failures:
        raise ImageError(f"the log was not compacted: {compacted.failures}")
    event = {"model": MODEL, "window": "1 day", "report": True}
    message = program.invoke("check_drift", event)
    if message.kind != "response":
        raise ImageError(f"check_drift failed: {message.body.decode()}")
    done = json.loads(message.body)
    if done["rows"] != ROWS or done["verdict"] not in {"drift", "no_drift"}:
        raise ImageError(f"check_drift saw other rows than were served: {done}")
    page = account.storage.get(done["report"])
    if page is None or b"</html>" not in page:
        raise ImageError(f"{done['report']} is no page")
    say(f"check_drift read {done['rows']} rows: {done['reason']}; a report of {len(page):,} bytes")
    nothing = program.invoke("check_drift", {"model": "flight_delay", "window": "1 day"})
    say(f"check_drift answered for a model without a version: {nothing.body.decode()}")
    refused = program.invoke("check_drift", {})
    if refused.kind != "error":
        raise ImageError(f"check_drift took an empty event: {refused.body.decode()}")
    say(f"check_drift refuses an empty event: {error_of(refused.body)}")


def check_mlflow(account: Account, program: Program, say: Callable[[str], None]) -> None:
    """Start the server on PostgreSQL and S3, sign in, and store a run's file."""
    settings = account.stack.settings
    services = StateFile(settings.paths.state_file).read().services
    connection = {
        "host": HOST,
        "port": str(services["postgres"].port),
        "user": postgres.USER,
        "password": postgres.password(settings),
    }
    address = make_conninfo(**connection, dbname=postgres.DATABASE)
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("CREATE DATABASE images")
    variables = {
        **seaweedfs.credentials(settings),
        "AWS_DEFAULT_REGION": REGION,
        "MLFLOW_S3_ENDPOINT_URL": services["seaweedfs"].url,
        "ARTIFACTS": f"s3://{ARTIFACT_BUCKET}/images",
        **{f"PG{name.upper()}": value for name, value in connection.items()},
        "PGDATABASE": "images",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": _KEY,
        "MLFLOW_AUTH_ADMIN_PASSWORD": _ADMIN[1],
    }
    with program.serve(["/opt/mlflow/start"], variables, "/health") as url:
        path = f"{url}/api/2.0/mlflow"
        refused = httpx.get(f"{path}/experiments/get?experiment_id=0", timeout=60).status_code
        with httpx.Client(auth=_ADMIN, timeout=60) as client:
            run = client.post(f"{path}/runs/create", json={"experiment_id": "0"}).json()
            number = run["run"]["info"]["run_id"]
            file = f"{url}/api/2.0/mlflow-artifacts/artifacts/0/{number}/artifacts/colour.txt"
            client.put(file, content=b"green").raise_for_status()
            stored = client.get(file).content
    if (refused, stored) != (401, b"green"):
        raise ImageError(f"without a password: {refused}; the file is {stored!r}")
    say("MLflow answers to its password only, and keeps a run's file in S3")


def error_of(body: bytes) -> str:
    """Return the kind of error that a handler raised."""
    return str(json.loads(body)["errorType"])

"""The LocalStack service, in host mode, with our executor that runs functions as processes."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING

from evergreen.deployment.laptop import DUMMY_CREDENTIALS, REGION
from local.files import discard
from local.monitoring import forget
from local.ports import HOST
from local.process import Command, ServiceError
from local.service import LocalService, answers

if TYPE_CHECKING:
    from local.settings import Settings

EXECUTOR = "evergreen"
SERVICE_PORTS = 50
KEPT_BUCKETS = "evergreen-*-data"
"""The data bucket of each stage (``cdk/storage_stack.py``)."""
KEPT_PARAMETERS = "/evergreen/*"
_PLUGIN_GROUP = "localstack.lambda.runtime_executor"


def localstack(settings: Settings, port: int, first_service_port: int) -> LocalService:
    """Describe LocalStack on the given port.

    Parameters
    ----------
    settings
        The stack's settings.
    port
        Where its gateway listens.
    first_service_port
        First of the ``SERVICE_PORTS`` ports for the programs that LocalStack starts.
    """
    url = f"http://{HOST}:{port}"
    paths = settings.paths
    folder = paths.state / "localstack"
    python = paths.python("localstack")
    buffers = settings.buffer_firehose
    kept = {
        "EVERGREEN_KEPT_STATE": str(paths.kept_state),
        "EVERGREEN_KEPT_BUCKETS": KEPT_BUCKETS,
        "EVERGREEN_KEPT_PARAMETERS": KEPT_PARAMETERS,
    }

    def command() -> Command:
        return Command(
            arguments=(str(python), "-m", "localstack.runtime.main"),
            environment={
                **settings.inherited,
                **DUMMY_CREDENTIALS,
                "AWS_DEFAULT_REGION": REGION,
                "GATEWAY_LISTEN": f"{HOST}:{port}",
                "LOCALSTACK_HOST": f"{HOST}:{port}",
                "EXTERNAL_SERVICE_PORTS_START": str(first_service_port),
                "EXTERNAL_SERVICE_PORTS_END": str(first_service_port + SERVICE_PORTS),
                "FILESYSTEM_ROOT": str(folder / "files"),
                "TMPDIR": str(folder / "tmp"),
                "HOME": str(folder / "home"),
                "DISABLE_EVENTS": "1",
                "SKIP_SSL_CERT_DOWNLOAD": "1",
                "DNS_ADDRESS": "0",
                "DO_NOT_TRACK": "1",
                "PYTHONUNBUFFERED": "1",
                "LAMBDA_RUNTIME_EXECUTOR": EXECUTOR,
                # Seconds for a function to import its packages. MLflow and Evidently take long on a
                # busy machine, and the default is 20.
                "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "120",
                # Seconds until the first retry of an event that a function failed on, and twice
                # that until the second. On AWS they are one minute and two.
                "LAMBDA_RETRY_BASE_DELAY": "10",
                "EVERGREEN_LAMBDA_PYTHON": str(paths.python("lambda-runtime")),
                "EVERGREEN_LAMBDA_IMAGES": str(paths.environments),
                "EVERGREEN_STRICT_IAM_RECORD": str(paths.accesses),
                **settings.strictness,
                **({"EVERGREEN_FIREHOSE_BUFFER": str(paths.firehose)} if buffers else {}),
                **(kept if settings.keep_state else {}),
            },
            folder=folder,
            log=paths.logs / "localstack.log",
        )

    def prepare() -> None:
        # LocalStack's state is in memory, so files of an earlier run are of no use. Only what has a
        # folder of its own is kept: the data bucket, the parameters, and what Firehose accepted.
        discard(folder)
        forget(paths)
        paths.accesses.unlink(missing_ok=True)
        for part in ("files", "tmp", "home"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _require_executor(settings)

    return LocalService(
        name="localstack",
        title="LocalStack",
        url=url,
        port=port,
        wiring="",
        prepare=prepare,
        command=command,
        healthy=lambda: is_healthy(url),
    )


def is_healthy(url: str) -> bool:
    """Return whether LocalStack answers at the URL."""
    return answers(f"{url}/_localstack/health")


def _require_executor(settings: Settings) -> None:
    # If LocalStack does not know the executor, it only logs a warning and uses Docker.
    python = settings.paths.python("localstack")
    packages = [str(folder) for folder in (python.parents[1] / "lib").glob("*/site-packages")]
    names = {
        point.name
        for distribution in distributions(path=packages)
        for point in distribution.entry_points
        if point.group == _PLUGIN_GROUP
    }
    if EXECUTOR not in names:
        raise ServiceError(
            f"its environment has no Lambda executor named {EXECUTOR!r}; it has {sorted(names)}",
            where="LocalStack",
            fix=f"Delete {python.parents[1]} and run `evergreen up` again",
        )

"""The MLflow service: runs and versions in PostgreSQL, artifacts in SeaweedFS."""

from __future__ import annotations

from evergreen.deployment.laptop import REGION
from local.ports import HOST
from local.postgres import DATABASE, USER, password
from local.process import Command
from local.seaweedfs import credentials
from local.service import LocalService, answers
from local.settings import ARTIFACT_BUCKET, Settings


def mlflow(settings: Settings, port: int, postgres_port: int, artifacts_url: str) -> LocalService:
    """Describe the MLflow server on the given port.

    Parameters
    ----------
    settings
        The stack's settings.
    port
        Where it listens.
    postgres_port
        Where its database listens.
    artifacts_url
        URL of the S3 that holds its artifacts. It need not answer yet, because the server uses it
        only from the first artifact on.
    """
    url = f"http://{HOST}:{port}"
    paths = settings.paths
    folder = paths.state / "mlflow"
    environment = paths.environments / "services"

    def command() -> Command:
        return Command(
            arguments=(
                str(environment / "bin" / "python"),
                *("-m", "mlflow", "server", "--host", HOST, "--port", str(port)),
                *("--workers", "1"),
                *("--artifacts-destination", f"s3://{ARTIFACT_BUCKET}"),
            ),
            environment={
                **settings.inherited,
                **credentials(settings),
                # The server finds uvicorn on the path.
                "PATH": f"{environment / 'bin'}:{settings.inherited.get('PATH', '')}",
                "HOME": str(folder),
                "AWS_DEFAULT_REGION": REGION,
                "MLFLOW_S3_ENDPOINT_URL": artifacts_url,
                "MLFLOW_BACKEND_STORE_URI": (
                    f"postgresql+psycopg://{USER}@{HOST}:{postgres_port}/{DATABASE}"
                ),
                # Not in the URI, because process lists show that.
                "PGPASSWORD": password(settings),
                # No job workers for GenAI evaluation: they are a dozen processes and 1.3 GB.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
                "GIT_PYTHON_REFRESH": "quiet",
                "PYTHONUNBUFFERED": "1",
            },
            folder=folder,
            log=paths.logs / "mlflow.log",
        )

    return LocalService(
        name="mlflow",
        title="MLflow",
        url=url,
        port=port,
        wiring=f"{postgres_port} {artifacts_url}",
        prepare=lambda: None,
        command=command,
        healthy=lambda: answers(f"{url}/health"),
    )

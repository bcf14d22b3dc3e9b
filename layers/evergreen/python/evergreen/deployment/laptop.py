"""How programs find the stack of a laptop: the variables, and the file that names its addresses."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.errors import EvergreenError

REGION = "us-east-1"
DUMMY_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
LAKE_CATALOG = "EVERGREEN_LAKE_CATALOG"
"""The variable that names the catalogue of the lake's tables: an SQLAlchemy URI, or ``glue``."""
STATE_FILE = Path(".evergreen") / "state.json"


class _Addresses(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    endpoint_url: str
    mlflow_uri: str
    lake_catalog: str


def client_variables(endpoint_url: str, mlflow_uri: str, lake_catalog: str) -> dict[str, str]:
    """Return the variables with which AWS clients, cdk and MLflow clients find a stack."""
    return {
        **DUMMY_CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ENDPOINT_URL_S3": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        LAKE_CATALOG: lake_catalog,
    }


def read_client_variables(repository: Path) -> dict[str, str]:
    """Return the same of the stack that `evergreen up` has started in a clone of the repository.

    Raises
    ------
    EvergreenError
        If none was started there.
    """
    file = repository / STATE_FILE
    try:
        found = _Addresses.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvergreenError(
            "no local stack runs there", where=str(file), fix="Start it with `evergreen up`."
        ) from error
    return client_variables(**found.model_dump())

"""How other programs open the tables of the log: the catalogue, for pyiceberg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.lake.tables import LABELS, REQUEST_LOG

if TYPE_CHECKING:
    from cli.shared.target import Target

_CODE = """from pyiceberg.catalog import load_catalog

catalog = load_catalog(
    "evergreen",
    **{{
{properties}
    }},
)
log = catalog.load_table("{request_log}")
labels = catalog.load_table("{labels}")
"""


def log_connection(target: Target, model: str) -> dict[str, Any]:
    """Return the ``catalog`` as properties of pyiceberg's, and the names of a model's ``tables``.

    Of the local stack the properties have its own passwords. Of AWS they have none: the user's
    credentials count.
    """
    environment = target.environment
    region = environment["AWS_REGION"]
    if target.is_emulator:
        catalog = {
            "type": "sql",
            "uri": target.lake_catalog,
            "s3.endpoint": environment["AWS_ENDPOINT_URL"],
            "s3.access-key-id": environment["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": environment["AWS_SECRET_ACCESS_KEY"],
            "s3.region": region,
        }
    else:
        catalog = {"type": "glue", "glue.region": region, "s3.region": region}
    database = f"evergreen_{target.stage}"
    tables = {
        "request_log": f"{database}.{REQUEST_LOG.table_name(model)}",
        "labels": f"{database}.{LABELS.table_name(model)}",
    }
    return {"catalog": catalog, "tables": tables}


def connection_code(found: dict[str, Any]) -> str:
    """Return Python that opens both tables, from a result of :func:`log_connection`."""
    properties = "\n".join(
        f'        "{name}": "{value}",' for name, value in found["catalog"].items()
    )
    return _CODE.format(properties=properties, **found["tables"])

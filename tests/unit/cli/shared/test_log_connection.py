"""What `evergreen log --connection` prints opens the tables."""

from __future__ import annotations

import ast
from typing import Any

from cli.shared.log_connection import connection_code, log_connection
from cli.shared.target import Target

LOCAL = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "EVERGREEN_LAKE_CATALOG": "postgresql+psycopg://lake:secret@127.0.0.1:5432/lake",
}
TABLES = {"request_log": "evergreen_dev.bus_request_log", "labels": "evergreen_dev.bus_labels"}


def arguments(code: str) -> dict[str, Any]:
    [call, *_] = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    [properties] = [ast.literal_eval(each.value) for each in call.keywords]
    return dict(properties)


def test_of_the_local_stack_it_names_the_database_and_the_emulator() -> None:
    found = log_connection(Target("dev", LOCAL), "bus")
    assert found["tables"] == TABLES
    assert (
        arguments(connection_code(found))
        == found["catalog"]
        == {
            "type": "sql",
            "uri": LOCAL["EVERGREEN_LAKE_CATALOG"],
            "s3.endpoint": LOCAL["AWS_ENDPOINT_URL"],
            "s3.access-key-id": "test",
            "s3.secret-access-key": "test",
            "s3.region": "us-east-1",
        }
    )


def test_of_aws_it_names_glue_and_no_secret() -> None:
    found = log_connection(Target("dev", {"AWS_REGION": "eu-central-1"}), "bus")
    assert found["tables"] == TABLES
    assert (
        arguments(connection_code(found))
        == found["catalog"]
        == {
            "type": "glue",
            "glue.region": "eu-central-1",
            "s3.region": "eu-central-1",
        }
    )

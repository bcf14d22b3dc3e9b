"""botocore's descriptions of AWS, cut to what a function of ours reads at a cold start.

botocore contains the API of every AWS service, 25 MiB. A client reads the one of its service, and
the list of all endpoints of all services. Most of both is documentation, or about other services.
"""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SERVICES = {
    "apigateway",
    "cloudwatch",
    "events",
    "firehose",
    "glue",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "ssm",
    "sts",
    "stepfunctions",
}
"""The services that our functions call."""


def cut_botocore(target: Path) -> None:
    """Remove what botocore has of other services from a folder of packages, and documentation."""
    data = target / "botocore" / "data"
    if not data.is_dir():
        return
    for service in data.iterdir():
        if service.is_dir() and service.name not in _SERVICES:
            shutil.rmtree(service)
    for example in data.glob("*/*/examples-1.json"):
        example.unlink()
    prefixes = {_rewrite(model) for model in data.glob("*/*/service-2.json.gz")}
    for rules in data.glob("*/*/endpoint-rule-set-1.json.gz"):
        _write_compact(rules, json.loads(gzip.decompress(rules.read_bytes())))
    _cut_endpoints(data / "endpoints.json", prefixes)


def _rewrite(model: Path) -> str:
    """Write a service's description without documentation; return the prefix of its endpoint."""
    content = json.loads(gzip.decompress(model.read_bytes()))
    _write_compact(model, _undocumented(content))
    return str(content["metadata"]["endpointPrefix"])


def _write_compact(packed: Path, content: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write the content of a packed file unpacked and without spaces, which is quicker to read."""
    packed.with_suffix("").write_text(_compact(content), encoding="utf-8")
    packed.unlink()


def _undocumented(part: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(part, list):
        return [_undocumented(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        # A member of a shape may have this name too; it is an object. botocore reads some of the
        # texts, so each stays and is empty.
        key: "" if key == "documentation" and isinstance(value, str) else _undocumented(value)
        for key, value in part.items()
    }


def _cut_endpoints(file: Path, prefixes: set[str]) -> None:
    content = json.loads(file.read_bytes())
    for partition in content["partitions"]:
        services = partition["services"].items()
        partition["services"] = {name: each for name, each in services if name in prefixes}
    file.write_text(_compact(content), encoding="utf-8")


def _compact(content: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(content, separators=(",", ":"))

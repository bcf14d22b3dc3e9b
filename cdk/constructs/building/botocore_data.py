"""botocore's descriptions of AWS, cut to what a function of ours reads at a cold start.

botocore contains the API of every AWS service, 25 MiB. A client reads the one of its service, and
the list of all endpoints of all services. Most of both is documentation, or about other services.
Each client also imports what would write the docstrings of its methods.
"""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
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
_OPERATIONS = {
    "firehose": {"PutRecordBatch"},
    "s3": {
        *("GetObject", "HeadObject", "PutObject", "CopyObject", "DeleteObject", "DeleteObjects"),
        *("ListObjects", "ListObjectsV2", "ListObjectVersions"),
        *("CreateMultipartUpload", "UploadPart", "UploadPartCopy"),
        *("CompleteMultipartUpload", "AbortMultipartUpload"),
        *("HeadBucket", "CreateSession"),
    },
    "ssm": {
        *("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"),
        *("PutParameter", "DeleteParameter", "DeleteParameters", "AddTagsToResource"),
    },
}
"""The operations that are kept of a service where our functions call few of many.

To follow a bucket into its region, botocore itself calls HeadBucket, and CreateSession for a
directory bucket. boto3 and MLflow use those of an upload in parts.
"""
_WRITER = "from botocore.docs.service import ServiceDocumenter\n"
_NO_DOCSTRINGS = '''"""Docstrings of a client's methods, without what would write them."""


class LazyLoadedDocstring(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


class ClientMethodDocstring(LazyLoadedDocstring):
    pass


class WaiterDocstring(LazyLoadedDocstring):
    pass


class PaginatorDocstring(LazyLoadedDocstring):
    pass
'''
"""What takes the place of botocore.docs.docstring, which every client imports."""


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
    _cut_docs(target / "botocore" / "docs")


def _cut_docs(docs: Path) -> None:
    """Let a client's docstrings be empty, so that what writes them is not imported."""
    package = docs / "__init__.py"
    text = package.read_text(encoding="utf-8").replace(_WRITER, "")
    package.write_text(text, encoding="utf-8")
    (docs / "docstring.py").write_text(_NO_DOCSTRINGS, encoding="utf-8")


def _rewrite(model: Path) -> str:
    """Write a service's description without documentation; return the prefix of its endpoint."""
    content = json.loads(gzip.decompress(model.read_bytes()))
    if names := _OPERATIONS.get(model.parents[1].name):
        _cut_operations(content, names)
    _write_compact(model, _undocumented(content))
    return str(content["metadata"]["endpointPrefix"])


def _cut_operations(content: dict[str, Any], names: set[str]) -> None:
    """Remove the operations of other names, and the shapes of these alone."""
    operations = {name: each for name, each in content["operations"].items() if name in names}
    shapes: dict[str, Any] = {}
    waiting = [*_shapes_in(operations)]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = content["shapes"][name]
            waiting.extend(_shapes_in(shapes[name]))
    content["operations"] = operations
    content["shapes"] = {name: each for name, each in content["shapes"].items() if name in shapes}


def _shapes_in(part: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield the names of the shapes that a part of a description refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _shapes_in(each)


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

"""The few verbs of S3, SSM, Firehose and CloudWatch that serving uses, in memory.

For what LocalStack cannot be asked to do on demand: to fail. The integration tests use the real
clients.
"""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from tests.support.memory_cloudwatch import MemoryCloudWatch

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class MemoryAws:
    """One account; ``client`` gives what ``boto3.client`` would."""

    def __init__(self) -> None:
        self.s3 = MemoryS3()
        self.ssm = MemorySsm()
        self.firehose = MemoryFirehose()
        self.cloudwatch = MemoryCloudWatch()

    def client(self, service: str, **_: Any) -> Any:
        return getattr(self, service)


class MemoryS3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.down = False

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
    ) -> Any:
        if self.down:
            raise EndpointConnectionError(endpoint_url=Bucket)
        if IfNoneMatch == "*" and Key in self.objects:
            raise refused("PreconditionFailed", "PutObject")
        if IfMatch is not None and (Key not in self.objects or IfMatch != self._etag(Key)):
            raise refused("PreconditionFailed", "PutObject")
        self.objects[Key] = Body
        return {}

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise refused("404", "HeadObject")
        return {"ContentLength": len(self.objects[Key])}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-") -> Any:  # noqa: N803
        first, last = Range.removeprefix("bytes=").split("-")
        if self.down:
            raise EndpointConnectionError(endpoint_url=Bucket)
        if Key not in self.objects:
            raise refused("NoSuchKey", "GetObject")
        part = self.objects[Key][int(first) : int(last) + 1 if last else None]
        return {"Body": io.BytesIO(part), "ETag": self._etag(Key)}

    def _etag(self, key: str) -> str:
        return hashlib.sha256(self.objects[key]).hexdigest()

    def delete_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        self.objects.pop(Key, None)
        return {}

    def delete_objects(self, *, Bucket: str, Delete: Any) -> Any:  # noqa: N803
        for item in Delete["Objects"]:
            self.objects.pop(item["Key"], None)
        return {}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str) -> Any:  # noqa: N803
        found = sorted(key for key in self.objects if key.startswith(Prefix) and key > StartAfter)
        yield {"Contents": [{"Key": key, "Size": 1, "LastModified": NOW} for key in found]}


class MemorySsm:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.numbered: dict[str, list[str]] = {}
        self.down = False
        self.reads = 0

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803
        self.reads += 1
        if self.down:
            raise refused("ThrottlingException", "GetParameter")
        if Name not in self.values:
            raise refused("ParameterNotFound", "GetParameter")
        number = len(self.numbered.get(Name, ["set by hand"]))
        return {"Parameter": {"Value": self.values[Name], "Version": number}}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> Any:  # noqa: N803
        self.values[Name] = Value
        versions = self.numbered.setdefault(Name, [])
        versions.append(Value)
        return {"Version": len(versions)}

    def get_paginator(self, name: str) -> Any:
        assert name == "get_parameter_history"
        return self

    def paginate(self, *, Name: str) -> Any:  # noqa: N803
        versions = enumerate(self.numbered[Name], start=1)
        yield {"Parameters": [{"Version": number, "Value": value} for number, value in versions]}


class MemoryFirehose:
    def __init__(self) -> None:
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.down = False

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[Any]) -> Any:  # noqa: N803
        if self.down:
            raise refused("ServiceUnavailableException", "PutRecordBatch")
        stream = self.streams.setdefault(DeliveryStreamName, [])
        stream += [json.loads(record["Data"]) for record in Records]
        return {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "1"} for _ in Records]}

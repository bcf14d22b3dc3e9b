"""What is not there is told from what is denied, though S3 denies both to our roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_in_process import failing, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account


@pytest.fixture
def storage(aws: Account) -> Iterator[Storage]:
    """Give a bucket that denies every GetObject and HeadObject, as S3 does to most roles."""
    made = aws.storage()
    made.put("bundles/fruit/1/model.onnx.old", b"model")
    made.put("bundles/fruit/2/model.onnx", b"model")
    with (
        failing(aws.s3, refusal("AccessDenied"), "GetObject"),
        failing(aws.s3, refusal("403"), "HeadObject"),
    ):
        yield made


def test_a_missing_object_that_is_denied_is_missing(storage: Storage) -> None:
    assert storage.get("bundles/fruit/1/model.onnx") is None
    with pytest.raises(FileNotFoundError):
        storage.open("bundles/fruit/1/model.onnx")


def test_an_object_that_is_denied_and_there_stays_denied(storage: Storage) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        storage.get("bundles/fruit/2/model.onnx")
    with pytest.raises(ClientError, match="403"):
        storage.open("bundles/fruit/2/model.onnx")


def test_what_may_not_be_listed_either_is_denied(storage: Storage, aws: Account) -> None:
    denied: Any = refusal("AccessDenied")
    with (
        failing(aws.s3, denied, "ListObjectsV2"),
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        storage.get("bundles/fruit/1/model.onnx")

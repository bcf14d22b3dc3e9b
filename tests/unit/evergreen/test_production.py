"""The production pointer: a value that is none hides none of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evergreen.errors import PointerError
from evergreen.production import Production, ProductionPointer

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

MODEL = "fruit"


def pointer(version: str) -> ProductionPointer:
    return ProductionPointer(
        version=version,
        bundle_uri=f"s3://data/bundles/fruit/{version}/",
        sha256="0",
        reference_dataset_id=f"ds-{version}",
        promoted_at=datetime(2026, 3, int(version), tzinfo=UTC),
    )


def damage(aws: Account, production: Production, value: str = "not JSON") -> None:
    name = production.parameter(MODEL)
    aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def test_nothing_promoted_is_no_pointer_and_no_history(aws: Account) -> None:
    production = aws.production()
    assert production.read(MODEL) is None
    assert production.read_last_valid(MODEL) is None
    assert production.history(MODEL) == []


def test_a_value_that_is_no_pointer_is_named_with_its_place_and_the_cure(aws: Account) -> None:
    production = aws.production()
    damage(aws, production, '{"version": "1", "secret": "x"}')
    with pytest.raises(PointerError) as caught:
        production.read(MODEL)
    assert caught.value.where == production.parameter(MODEL)
    assert caught.value.what.endswith("bundle_uri: Field required")
    assert f"evergreen rollback {MODEL}" in (caught.value.fix or "")
    assert "secret" not in str(caught.value)
    assert production.read_last_valid(MODEL) is None
    with pytest.raises(PointerError):
        production.set_shadow(MODEL, None)


def test_a_damaged_value_is_read_past(aws: Account, caplog: pytest.LogCaptureFixture) -> None:
    production = aws.production()
    production.write(MODEL, pointer("1"))
    damage(aws, production)
    production.write(MODEL, pointer("2"))
    assert production.read_last_valid(MODEL) == pointer("2")
    damage(aws, production)
    assert production.read_last_valid(MODEL) == pointer("2")
    caplog.clear()
    assert production.history(MODEL) == [pointer("1"), pointer("2")]
    assert [
        f"{production.parameter(MODEL)}:{number} is not" in text
        for number, text in zip((2, 4), caplog.messages, strict=True)
    ] == [True, True]

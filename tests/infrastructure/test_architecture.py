"""The picture of the architecture is that of the app, and says what the roles may do."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from cdk.reference.architecture import ARCHITECTURE_PICTURE, draw_architecture
from cdk.reference.flows import StoreAccess, read_flows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates


def test_the_picture_is_current(aws: Templates, aws_folder: Path) -> None:
    assert aws, "the folder is filled"
    drawn = draw_architecture(read_flows(aws_folder))
    assert ARCHITECTURE_PICTURE.read_text(encoding="utf-8") == drawn, (
        "run: python -m cdk.reference.architecture"
    )


def test_who_touches_what_is_what_the_roles_allow(aws: Templates, aws_folder: Path) -> None:
    assert aws
    flows = read_flows(aws_folder)
    assert {f.function for f in flows if f.store == "bundles" and f.writes} == {
        "register challenger"
    }
    promoting = {f.function for f in flows if f.store == "production pointer" and f.writes}
    assert promoting == {"promote", "clean up", "roll back", "take lock", "set shadow"}
    predict = {(f.store, f.writes) for f in flows if f.function == "predict"}
    assert predict == {
        ("bundles", False),
        ("production pointer", False),
        ("delivery streams", True),
        ("request log, as landed", True),
        ("labels, as landed", True),
    }


def test_each_function_stands_on_the_side_of_what_it_does_with_a_line_for_each_store() -> None:
    flows = [
        StoreAccess("Serving", "a", "bundles", writes=True),
        StoreAccess("Serving", "a", "a store <that is new>", writes=True),
        StoreAccess("Drift", "b", "bundles", writes=False),
        StoreAccess("Monitoring", "c", "bundles", writes=False),
    ]
    page = ET.fromstring(draw_architecture(flows))
    names = [text.text for text in page.iter("{http://www.w3.org/2000/svg}text")]
    assert names[-4:] == ["a", "b", "bundles", "a store <that is new>"]
    assert len([*page.iter("{http://www.w3.org/2000/svg}path")]) == 3
    assert draw_architecture(reversed(flows)) == draw_architecture(flows)

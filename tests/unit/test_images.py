"""What `make test-images` builds: each image of `layers`, from the locks that it installs."""

from __future__ import annotations

import re

import pytest

from tests.images.__main__ import IMAGES
from tests.images.building import ROOT, Image

ALL = [image for image, _ in IMAGES]


def test_each_dockerfile_below_layers_is_built() -> None:
    assert sorted(image.file for image in ALL) == sorted(ROOT.glob("layers/*/Dockerfile"))


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_the_packages_of_each_lock_are_at_hand(image: Image) -> None:
    copied = re.findall(r"^COPY requirements/(\S+)\.lock", image.file.read_text(), re.MULTILINE)
    assert tuple(copied) == image.locks


@pytest.mark.parametrize("image", ALL, ids=lambda image: image.name)
def test_the_base_is_read_from_the_dockerfile(image: Image) -> None:
    assert re.fullmatch(r"[a-z./]+:3\.13[a-z-]*", image.base)

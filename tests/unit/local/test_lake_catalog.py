"""The address of the lake's catalogue; that its database is made is an integration test."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from local.lake_catalog import lake_catalog_uri, remove_secret
from local.settings import Paths, Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_address_names_the_database_and_a_password_that_is_kept(tmp_path: Path) -> None:
    settings = Settings(Paths(root=tmp_path, state=tmp_path / "state"))
    uri = lake_catalog_uri(settings, 5433)
    assert lake_catalog_uri(settings, 5433) == uri
    url = make_url(uri)
    assert (url.host, url.port, url.username, url.database) == ("127.0.0.1", 5433, "lake", "lake")
    file = settings.paths.state / "lake.password"
    assert url.password == file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    remove_secret(settings)
    assert lake_catalog_uri(settings, 5433) != uri

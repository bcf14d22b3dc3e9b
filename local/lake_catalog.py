"""The lake's catalogue on a laptop: a database with a user of its own in the stack's PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local import postgres
from local.files import made_up_secret
from local.ports import HOST

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from local.settings import Settings

NAME = "lake"
"""Name of the database and of its user, who can reach no other data of the server."""


def lake_catalog_uri(settings: Settings, port: int) -> str:
    """Return the SQLAlchemy URI of the catalogue in the PostgreSQL on ``port``."""
    secret = made_up_secret(_secret_file(settings))
    return f"postgresql+psycopg://{NAME}:{secret}@{HOST}:{port}/{NAME}"


def create_lake_catalog(settings: Settings, port: int) -> None:
    """Create the database and its user in a PostgreSQL that runs, unless they are there."""
    from psycopg import sql  # noqa: PLC0415 - only `up` needs it

    secret, name = made_up_secret(_secret_file(settings)), sql.Identifier(NAME)
    with _connection(settings, port) as connection:
        user = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME])
        how = sql.SQL("ALTER" if user.fetchone() else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(how, name, sql.Literal(secret))
        )
        database = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
        if not database.fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def forget_tables(settings: Settings, port: int) -> None:
    """Empty the catalogue, for a LocalStack that starts without the files of the tables."""
    with _connection(settings, port) as connection:
        connection.execute("DROP DATABASE IF EXISTS lake WITH (FORCE)")
    create_lake_catalog(settings, port)


def _connection(settings: Settings, port: int) -> psycopg.Connection:
    import psycopg  # noqa: PLC0415 - only `up` needs it

    return psycopg.connect(
        host=HOST,
        port=port,
        user=postgres.USER,
        password=postgres.password(settings),
        dbname=postgres.DATABASE,
        autocommit=True,
    )


def remove_secret(settings: Settings) -> None:
    """Delete the user's password, after the database was deleted."""
    _secret_file(settings).unlink(missing_ok=True)


def _secret_file(settings: Settings) -> Path:
    return settings.paths.state / "lake.password"

"""Roles and databases: one of each per service, the role owns the database and sees no other."""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import asyncpg

from devstack.errors import DevstackError
from devstack.passwords import derive

CONNECT_SECONDS = 5.0

# One frozen client may not stop the others: no lock and no idle transaction outlives these.
ROLE_SETTINGS: Mapping[str, str] = {"lock_timeout": "1s", "idle_in_transaction_session_timeout": "2s"}

_UNKNOWN = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)


def owner_url(admin_url: str, name: str, secret: str) -> str:
    """The URL with which the role `name` enters its database of the same name.

    Arguments:
        admin_url: a URL of the server; its query (sslmode and so on) is kept.
        name: of role and database.
        secret: what the role's password is derived from.
    """
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    password = derive(secret, f"role:{name}")
    return parts._replace(netloc=f"{quote(name, safe='')}:{password}@{place}", path=f"/{quote(name, safe='')}").geturl()


async def ensure_database(admin_url: str, name: str, secret: str, settings: Mapping[str, str] = ROLE_SETTINGS) -> str:
    """Make a role and its database, or do nothing if they are there.

    Arguments:
        admin_url: of a role that may make both.
        name: of both.
        secret: what the role's password is derived from.
        settings: what the role's sessions begin with.

    Returns:
        the owner's URL.

    Raises:
        DevstackError: if the server does not let us.
    """
    url = owner_url(admin_url, name, secret)
    try:
        try:
            connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        except _UNKNOWN:
            await _create(admin_url, name, url)
            connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            await _set(connection, name, settings)
        finally:
            await connection.close(timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DevstackError(f"The database {name} could not be made: {error or type(error).__name__}.") from error
    return url


async def drop_database(admin_url: str, name: str) -> None:
    """Remove a database, whoever is connected, and its role."""
    connection = await asyncpg.connect(admin_url, timeout=CONNECT_SECONDS)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        await connection.execute(f"DROP ROLE IF EXISTS {_quoted(name)}")
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def _quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str) -> str:
    """An SQL string."""
    return "'" + value.replace("'", "''") + "'"


async def _create(admin_url: str, name: str, url: str) -> None:
    password = unquote(urlsplit(url).password or "")
    role = _quoted(name)
    connection = await asyncpg.connect(admin_url, timeout=CONNECT_SECONDS)
    try:
        verb = "ALTER" if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name) else "CREATE"
        await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD {_literal(password)}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"GRANT {role} TO CURRENT_USER")  # an administrator who is no superuser needs it
            await connection.execute(f"CREATE DATABASE {role} OWNER {role}")
            await connection.execute(f"REVOKE ALL ON DATABASE {role} FROM PUBLIC")
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def _set(connection: asyncpg.Connection, name: str, settings: Mapping[str, str]) -> None:
    """Settings of the role, written only where they differ; a role may set its own."""
    rows = await connection.fetch(
        "SELECT split_part(s, '=', 1) AS name, substr(s, strpos(s, '=') + 1) AS value"
        "  FROM pg_db_role_setting, unnest(setconfig) AS s"
        " WHERE setdatabase = 0 AND setrole = current_user::regrole"
    )
    there = {row["name"]: row["value"] for row in rows}
    for key, value in settings.items():
        if there.get(key) != value:
            await connection.execute(f"ALTER ROLE {_quoted(name)} SET {key} = {_literal(value)}")

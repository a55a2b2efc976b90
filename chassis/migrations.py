"""Numbered SQL files, applied once each, in order, under an advisory lock.

    python -m chassis.migrations auth            DATABASE_URL says where
    python -m chassis.migrations auth --wait 60  tries for so many seconds to get there

A file `0001_accounts.sql` runs in one transaction with the row that records it. A file never changes once it has been
released: its checksum is compared. Services refuse to start on a schema older than their code, and run on a newer one
(expand first, contract a release later).
"""

if __name__ == "__main__":
    from .early import end_on_sigterm

    end_on_sigterm()  # for good: a migration that is cut off is rolled back

import asyncio
import hashlib
import importlib.util
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from .lifecycle import Fatal
from .logs import mask

LOCK = 0x7061726C6579  # "parley": one migration at a time per database
LOCK_WAIT_SECONDS = 60
RETRY_SECONDS = 1.0
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    int         PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class Migrations:
    """The migrations of one service.

    Arguments:
        package: the service's package, e.g. `auth_service`; its files are in `migrations/` inside or beside it.

    Raises:
        Fatal: there are none, one has another kind of name, or their numbers are not 1, 2, 3, …
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.all = [_read(file) for file in sorted(_folder(package).glob("*.sql"))]
        if not self.all or [migration.version for migration in self.all] != list(range(1, len(self.all) + 1)):
            raise Fatal(f"the migrations of {package} are not numbered 0001, 0002, …")

    async def check(self, connection: Any) -> None:
        """Compare the database with this code.

        Raises:
            Fatal: the database is older.
        """
        try:
            applied = await connection.fetchval("SELECT max(version) FROM schema_migrations") or 0
        except asyncpg.UndefinedTableError:
            applied = 0
        if applied < len(self.all):
            raise Fatal(f"the database of {self.package} is at schema {applied}, not {len(self.all)}: migrate first")

    async def apply(self, url: str) -> list[Migration]:
        """Bring the database at `url` up to date.

        Returns:
            what was applied now.

        Raises:
            Fatal: a file differs from what was applied under its number, or another migration holds the lock too long.
        """
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await _lock(connection)
            await connection.execute(_TABLE)
            done = {
                row["version"]: row["checksum"]
                for row in await connection.fetch("SELECT version, checksum FROM schema_migrations")
            }
            fresh = []
            for migration in self.all:
                if migration.version in done:
                    if done[migration.version] != migration.checksum:
                        raise Fatal(
                            f"migration {migration.version:04} of {self.package} was changed after it was applied"
                        )
                    continue
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                        migration.version,
                        migration.name,
                        migration.checksum,
                    )
                fresh.append(migration)
            return fresh
        finally:
            await connection.close(timeout=5)


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Fatal(f"there is no package {package}")
    inside = Path(spec.submodule_search_locations[0])
    for folder in (inside.parent / "migrations", inside / "migrations"):
        if folder.is_dir():
            return folder
    raise Fatal(f"{package} has no migrations")


def _read(file: Path) -> Migration:
    match = _NAME.fullmatch(file.name)
    if match is None:
        raise Fatal(f"{file.name} is not named like 0001_what_it_does.sql")
    return Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    give_up = time.monotonic() + LOCK_WAIT_SECONDS
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
        if time.monotonic() > give_up:
            raise Fatal(f"another migration has held the lock for {LOCK_WAIT_SECONDS} s")
        await asyncio.sleep(0.2)


async def _apply_soon(migrations: Migrations, url: str, wait_seconds: float) -> list[Migration]:
    """Apply, and try again for that long while the database cannot be reached or lets nobody in yet."""
    give_up = time.monotonic() + wait_seconds
    while True:
        try:
            return await migrations.apply(url)
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
            if time.monotonic() + RETRY_SECONDS > give_up:
                raise
        await asyncio.sleep(RETRY_SECONDS)


def _arguments(words: list[str]) -> tuple[str, float] | None:
    """The service and the seconds to wait; None when they are something else."""
    name, *rest = words or [""]
    if not name or (rest and (len(rest) != 2 or rest[0] != "--wait" or not rest[1].isdigit())):
        return None
    return name, float(rest[1]) if rest else 0.0


async def _main(words: list[str]) -> int:
    url = os.environ.get("DATABASE_URL", "")  # a command, not a service: this is its one setting
    arguments = _arguments(words)
    if arguments is None or not url:
        print(  # noqa: T201
            "usage: DATABASE_URL=postgresql://… python -m chassis.migrations SERVICE [--wait SECONDS]",
            file=sys.stderr,
        )
        return 2
    name, wait_seconds = arguments
    try:
        fresh = await _apply_soon(Migrations(f"{name}_service"), url, wait_seconds)
    except (Fatal, OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = mask(str(error)) or type(error).__name__  # a time-out has no text
        print(f"could not migrate {name}: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    done = ", ".join(f"{migration.version:04}_{migration.name}" for migration in fresh) or "nothing to do"
    print(f"{name}: {done}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1:])))

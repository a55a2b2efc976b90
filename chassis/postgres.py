"""A Postgres pool that never waits without a bound (asyncpg's defaults wait as long as Postgres hangs)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from . import metrics
from .lifecycle import Fatal
from .migrations import Migrations

logger = logging.getLogger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# One frozen client must not hold a room's lock, nor a waiting one a connection (milliseconds).
SESSION_SETTINGS = {
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "2000",
    "statement_timeout": "5000",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
}
RETRY_SECONDS = 0.5

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InternalClientError,  # a backend that was killed while idle leaves asyncpg's state machine in a muddle
)
_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
# Away for this statement, after which the connection is as good as before.
_CLEAN = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)


def is_away(error: BaseException) -> bool:
    """True when the same statement may succeed later: Postgres is away, full, failing over, or a lock was not had."""
    if isinstance(error, asyncpg.InterfaceError):  # "connection is closed", "pool is closing": not a mistake of ours
        return "clos" in str(error)
    return isinstance(error, _AWAY)


class Postgres:
    """The pool of one database, as a component.

    Arguments:
        url: `postgresql://user:password@host:port/database`.
        migrations: the schema that must be there before the service starts.
        size: the most connections; the connection budget of a pod.
        deadline: seconds that a use of a connection may take altogether, waiting for one included.
        settings: more session settings, e.g. `plan_cache_mode`.
        on_connect: awaited with each new connection before it is used, e.g. to notice that this is another server now.
    """

    def __init__(
        self,
        url: str,
        migrations: Migrations,
        *,
        size: int = 10,
        deadline: float = 2.3,
        settings: dict[str, str] | None = None,
        on_connect: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._url = url
        self._migrations = migrations
        self._size = size
        self._deadline = deadline
        self._settings = {**SESSION_SETTINGS, **(settings or {})}
        self._on_connect = on_connect
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def start(self) -> None:
        """Connect, however long Postgres takes to come up, and check the schema.

        Raises:
            Fatal: the credentials or the database are wrong, or the schema is older than this code.
        """
        self._pool = await asyncpg.create_pool(  # connects to nothing yet: min_size is 0
            self._url,
            min_size=0,
            max_size=self._size,
            timeout=self._deadline,
            command_timeout=self._deadline,
            server_settings=self._settings,
            max_inactive_connection_lifetime=300,
            init=self._prepare,
            reset=_keep,
            max_queries=2**31,  # 50,000, the default, is a reconnect every minute of a busy pod
        )
        waiting = False
        while True:
            try:
                async with self.connection() as connection:
                    await self._migrations.check(connection)
                return
            except _REFUSED as error:
                raise Fatal(f"PostgreSQL refuses the connection: {error}") from None
            except ValueError:  # asyncpg.ClientConfigurationError is one
                raise Fatal("DATABASE_URL is not the URL of a PostgreSQL database") from None
            except Exception as error:
                if not is_away(error):
                    raise
                if not waiting:
                    logger.warning("waiting for PostgreSQL", extra={"error": repr(error)})
                waiting = True
                await asyncio.sleep(RETRY_SECONDS)

    async def _prepare(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await _set_codecs(connection)
        if self._on_connect is not None:
            await self._on_connect(connection)

    async def stop(self) -> None:
        """Close the pool: politely for a second, then not (asyncpg#1326)."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(1):
                await self._pool.close()
        except Exception:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside a transaction; everything done with it shares one deadline.

        Raises:
            TimeoutError: the deadline passed; the connection is thrown away, since its state is unknown.
        """
        if self._pool is None:
            raise OSError("the pool is not open")
        asked = time.perf_counter()
        metrics.postgres_busy.inc()
        try:
            async with asyncio.timeout(self._deadline):
                connection = await self._pool.acquire()
                metrics.postgres_wait_seconds.observe(time.perf_counter() - asked)
                try:
                    yield connection
                except BaseException as error:
                    if _spoils(error):
                        with suppress(asyncpg.InterfaceError):  # the pool has noticed the loss by itself
                            connection.terminate()
                    raise
                finally:
                    await self._pool.release(connection)
        except Exception as error:
            if is_away(error):
                metrics.dependency_errors.labels("postgres").inc()
            raise
        finally:
            metrics.postgres_busy.dec()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a READ COMMITTED transaction that commits when the block ends well."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except BaseException as error:
                if not _spoils(error):  # else the connection goes: a ROLLBACK to a frozen server costs a deadline more
                    await transaction.rollback()
                raise
            await transaction.commit()


def _spoils(error: BaseException) -> bool:
    """Whether nobody knows what a connection is worth after this."""
    return isinstance(error, asyncio.CancelledError) or (is_away(error) and not isinstance(error, _CLEAN))


async def _keep(_: object) -> None:
    """Nothing of a session is changed through the pool (asyncpg ends open transactions itself): its reset query, a
    round trip after each use, is not needed."""


async def _set_codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode)


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""Which errors of PostgreSQL mean that the same may succeed later."""

import asyncio

import asyncpg
import pytest

from chassis.postgres import is_away

AWAY = [
    ConnectionRefusedError(),
    ConnectionResetError(),
    BrokenPipeError(),
    TimeoutError(),
    OSError(),
    asyncpg.ConnectionDoesNotExistError(),
    asyncpg.ConnectionFailureError(),
    asyncpg.CannotConnectNowError(),
    asyncpg.AdminShutdownError(),
    asyncpg.CrashShutdownError(),
    asyncpg.TooManyConnectionsError(),
    asyncpg.QueryCanceledError(),
    asyncpg.LockNotAvailableError(),
    asyncpg.IdleInTransactionSessionTimeoutError(),
    asyncpg.IdleSessionTimeoutError(),
    asyncpg.ReadOnlySQLTransactionError(),
    asyncpg.SerializationError(),
    asyncpg.DeadlockDetectedError(),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.InternalClientError("unexpected state"),
]
HERE = [
    asyncpg.UniqueViolationError(),
    asyncpg.ForeignKeyViolationError(),
    asyncpg.CheckViolationError(),
    asyncpg.DataError(),
    asyncpg.NumericValueOutOfRangeError(),
    asyncpg.CharacterNotInRepertoireError(),
    asyncpg.UndefinedTableError(),
    asyncpg.UndefinedColumnError(),
    asyncpg.InsufficientPrivilegeError(),
    asyncpg.PostgresSyntaxError(),
    asyncpg.InvalidPasswordError(),
    asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
    ValueError(),
    KeyError(),
    RuntimeError("closed"),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_this_may_succeed_later(error: BaseException) -> None:
    assert is_away(error)


@pytest.mark.parametrize("error", HERE, ids=repr)
def test_this_is_a_mistake_or_an_answer(error: BaseException) -> None:
    assert not is_away(error)

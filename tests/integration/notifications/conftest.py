"""The notification service on a real database; FCM's stand-in; a small real HTTP server in its neighbours' place."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import asyncpg
import pytest

from chassis.migrations import Migrations
from notification_service import policy
from notification_service.settings import Settings
from tests.support.notifications import Fcm, Others, Worker, running_worker, temporary_folder

TABLES = "applied_events, dead_letters, users, devices, rooms, members, messages, notifications"
AWAY_SECONDS = 0.6  # long enough for what happens before the second look, short enough to wait for


class StartWorker(Protocol):
    """`async with start(**settings) as worker`."""

    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[Worker]: ...


@pytest.fixture(scope="session")
def account() -> Iterator[Fcm]:
    """One service account for all: its key takes a while to make."""
    with temporary_folder() as folder:
        yield Fcm(folder)


@pytest.fixture
async def fcm(account: Fcm) -> AsyncIterator[Fcm]:
    """FCM's stand-in, which has forgotten everything."""
    account.told(forget=True, failures=[], unregistered=[], invalid=[], delay_seconds=0, token_failures=0)
    await account.open()
    yield account
    await account.close()


@pytest.fixture
async def others() -> AsyncIterator[Others]:
    """Auth, profile and chat."""
    others = Others()
    await others.open()
    yield others
    await others.close()


@pytest.fixture(scope="module")
def migrated_url(postgres_database: Callable[..., str]) -> str:
    """A migrated database."""
    url = postgres_database("notifications")
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, Migrations("notification_service").apply(url)).result()
    return url


@pytest.fixture
async def database_url(migrated_url: str) -> str:
    """It, empty."""
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(f"TRUNCATE {TABLES}")
    await connection.close()
    return migrated_url


@pytest.fixture
def settings(database_url: str, fcm: Fcm, others: Others) -> dict[str, Any]:
    """What the service is told here."""
    return {
        "database_url": database_url,
        "auth_url": others.url,
        "profile_url": others.url,
        "chat_urls": (others.url,),
        "fcm_credentials_file": str(fcm.account),
        "fcm_url": fcm.url,
        "fcm_token_url": f"{fcm.url}/token",
        "away_seconds": AWAY_SECONDS,
    }


@pytest.fixture
def start(settings: dict[str, Any]) -> StartWorker:
    """A service that is told of events directly."""

    def run(**changes: Any) -> AbstractAsyncContextManager[Worker]:
        return running_worker(Settings(**{**settings, **changes}))

    return run


@pytest.fixture
async def worker(start: StartWorker) -> AsyncIterator[Worker]:
    """It, with the usual settings."""
    async with start() as worker:
        yield worker


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are left alone for a moment only after failures."""
    monkeypatch.setattr(policy, "FIRST_BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(policy, "LAST_BACKOFF_SECONDS", 0.2)

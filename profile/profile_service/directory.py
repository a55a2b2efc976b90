"""Asking auth for users who are not known here yet: cached, bounded, one question at a time for each."""

import asyncio
import logging
import time
from collections import OrderedDict
from datetime import datetime
from uuid import UUID

import httpx
import msgspec
from prometheus_client import Counter

from chassis import metrics
from chassis.logs import request_id
from chassis.problems import Unavailable
from contracts.internal import USERS_PATH, UserRecord, UserRecords

from .model import MAX_DISPLAY_NAME, MAX_USERNAME, Account

logger = logging.getLogger(__name__)

FOUND_SECONDS = 10.0  # an answer is good for this long
UNKNOWN_SECONDS = 0.5  # "no such user" for less than the second within which a fresh one must be found
REST_SECONDS = 2.0  # after a failure, what is merely useful is not asked for this long
CACHE_SIZE = 10_000
Question = tuple[str, str]

lookups = Counter("parley_profile_lookups_total", "Users looked up in auth, by what came of it", ["result"])


class Directory:
    """What auth knows of users.

    Arguments:
        client: for HTTP; owned by the caller.
        url: auth's.
        concurrency: the most questions under way at once; more wait, within their deadline.
        seconds: the deadline of a question, waiting included.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, *, concurrency: int, seconds: float) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._places = asyncio.Semaphore(concurrency)
        self._under_way: dict[Question, asyncio.Task[Account | None]] = {}
        self._cache: OrderedDict[Question, tuple[float, Account | None]] = OrderedDict()
        self._rests_until = float("-inf")  # monotonic

    async def find(self, user_id: UUID) -> Account | None:
        """The user of that id, None when there is none.

        Raises:
            Unavailable: auth does not tell in time.
        """
        return await self._find(("id", str(user_id)))

    async def find_named(self, username: str) -> Account | None:
        """The user of that name, None when there is none; for callers that can do without an answer.

        Raises:
            Unavailable: auth does not tell in time, or did not a moment ago.
        """
        if time.monotonic() < self._rests_until:
            raise Unavailable("Users cannot be looked up right now.")
        return await self._find(("username", username))

    async def _find(self, question: Question) -> Account | None:
        cached = self._cache.get(question)
        if cached is not None and cached[0] > time.monotonic():
            lookups.labels("cached").inc()
            return cached[1]
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.create_task(self._ask(question))
            self._under_way[question] = task
            task.add_done_callback(lambda done: self._finish(question, done))
        # A caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def _finish(self, question: Question, task: "asyncio.Task[Account | None]") -> None:
        del self._under_way[question]
        if task.cancelled() or task.exception() is not None:  # looked at, so that nobody misses it
            return
        account = task.result()
        lookups.labels("unknown" if account is None else "found").inc()
        good_for = UNKNOWN_SECONDS if account is None else FOUND_SECONDS
        self._cache[question] = (time.monotonic() + good_for, account)
        self._cache.move_to_end(question)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)

    async def _ask(self, question: Question) -> Account | None:
        try:
            async with asyncio.timeout(self._seconds), self._places:
                response = await self._get(USERS_PATH, dict([question]))
            records = msgspec.json.decode(response.content, type=UserRecords).users
            return next((_account(record) for record in records if _answers(record, question)), None)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            lookups.labels("away").inc()
            self._failed(error)
            raise Unavailable("Users cannot be looked up right now.") from None

    async def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        headers = {"x-request-id": request_id.get()} if request_id.get() else {}
        response = await self._client.get(self._url + path, params=query, headers=headers)
        return response.raise_for_status()

    def _failed(self, error: Exception) -> None:
        self._rests_until = time.monotonic() + REST_SECONDS
        metrics.dependency_errors.labels("auth").inc()
        logger.warning("auth did not answer", extra={"error": repr(error)})


def _answers(record: UserRecord, question: Question) -> bool:
    kind, value = question
    return str(record.id) == value if kind == "id" else record.username.lower() == value.lower()


def _account(record: UserRecord) -> Account:
    return account_of(record.id, record.username, record.display_name, datetime.fromisoformat(record.created_at))


def account_of(user_id: UUID, username: str, display_name: str, created_at: datetime) -> Account:
    """What a profile is made from, in a form that the table takes, whatever the registration allowed."""
    name = display_name[:MAX_DISPLAY_NAME]
    return Account(user_id, username[:MAX_USERNAME], name if name.strip() else username[:MAX_USERNAME], created_at)

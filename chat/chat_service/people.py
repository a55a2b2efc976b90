"""People: copies of accounts, and asking auth for those who are not known yet, so that nobody waits for an event."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

import httpx
import msgspec

from chassis.ids import parse_uuid
from chassis.postgres import Postgres
from chassis.problems import NotFound, Unavailable
from chassis.tokens import Claims
from contracts.internal import MAX_USERS_PER_LOOKUP, USERS_PATH, UserRecords

from .model import PersonRow
from .store import users as store

logger = logging.getLogger(__name__)

CACHE_SECONDS = 60.0  # how long a person read from Postgres is good
CACHE_SIZE = 20_000
CONCURRENT_LOOKUPS = 8
LOOKUP_SECONDS = 1.0


class People:
    """Finds people by id or name.

    Arguments:
        database: chat's.
        client: to ask auth with.
        auth_url: auth's base URL.
    """

    def __init__(self, database: Postgres, client: httpx.AsyncClient, auth_url: str) -> None:
        self._database = database
        self._client = client
        self._url = auth_url.rstrip("/") + USERS_PATH
        self._lookups = asyncio.Semaphore(CONCURRENT_LOOKUPS)
        self._cache: OrderedDict[UUID, tuple[float, PersonRow]] = OrderedDict()

    async def me(self, claims: Claims) -> PersonRow:
        """The person of a token; when neither we nor auth can say more, what the token says."""
        try:
            return (await self.by_ids([claims.user_id]))[0]
        except (NotFound, Unavailable):
            person = PersonRow(claims.user_id, claims.username, claims.username)
            async with self._database.connection() as connection:
                await store.upsert_users(connection, [person])
            return person

    async def by_ids(self, ids: Sequence[UUID]) -> list[PersonRow]:
        """The people of `ids`, in that order.

        Raises:
            NotFound: one of them does not exist.
            Unavailable: one is not known here, and auth is away.
        """
        now = time.monotonic()
        found = {i: entry[1] for i in ids if (entry := self._cache.get(i)) is not None and entry[0] > now}
        missing = [i for i in ids if i not in found]
        if missing:
            async with self._database.connection() as connection:
                for person in await store.select_users(connection, missing):
                    found[person.id] = person
                    self._remember(person)
            unknown = [i for i in missing if i not in found]
            for person in await self._ask([("id", str(i)) for i in unknown]) if unknown else []:
                found[person.id] = person
        if any(i not in found for i in ids):
            raise NotFound("There is no such user.", code="user_not_found")
        return [found[i] for i in ids]

    async def by_name_or_id(self, text: str) -> PersonRow:
        """The person of that id, or of that username without regard to case.

        Raises:
            NotFound, Unavailable: as `by_ids`.
        """
        return (await self.by_names_or_ids([text]))[0]

    async def by_names_or_ids(self, texts: Sequence[str]) -> list[PersonRow]:
        """The people of these ids and usernames, few questions for many; raises as `by_ids`."""
        ids = [parsed for text in texts if (parsed := parse_uuid(text)) is not None]
        names = [text for text in texts if parse_uuid(text) is None]
        people = await self.by_ids(ids) if ids else []
        if names:
            async with self._database.connection() as connection:
                known = await store.select_users_by_username(connection, names)
            found = {person.username.lower() for person in known}
            unknown = [name for name in names if name.lower() not in found]
            asked = await self._ask([("username", name) for name in unknown]) if unknown else []
            found |= {person.username.lower() for person in asked}
            if any(name.lower() not in found for name in names):
                raise NotFound("There is no such user.", code="user_not_found")
            people += known + asked
        return people

    async def _ask(self, query: list[tuple[str, str | int | float | bool | None]]) -> list[PersonRow]:
        """What auth says of them; stored for the next time."""
        people: list[PersonRow] = []
        for start in range(0, len(query), MAX_USERS_PER_LOOKUP):
            try:
                async with self._lookups, asyncio.timeout(LOOKUP_SECONDS):
                    response = await self._client.get(self._url, params=query[start : start + MAX_USERS_PER_LOOKUP])
                    response.raise_for_status()
            except (httpx.HTTPError, TimeoutError) as error:
                logger.warning("auth could not be asked for users", extra={"error": repr(error)})
                raise Unavailable("Users cannot be looked up right now.") from None
            records = msgspec.json.decode(response.content, type=UserRecords).users
            people += [PersonRow(record.id, record.username, record.display_name) for record in records]
        if people:
            async with self._database.connection() as connection:
                await store.upsert_users(connection, people)
        return people

    def forget(self, user_id: UUID) -> None:
        """Somebody has another name now, or is gone: ask Postgres again."""
        self._cache.pop(user_id, None)

    def _remember(self, person: PersonRow) -> None:
        self._cache[person.id] = (time.monotonic() + CACHE_SECONDS, person)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)

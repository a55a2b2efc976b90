"""What other services are asked: bounded in number and in time, and many things at once."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec
from prometheus_client import Counter

from chassis import metrics
from contracts.internal import (
    LOST_DEVICES_PATH,
    MAX_PREFERENCES,
    MAX_STANDINGS,
    MAX_USERS_PER_LOOKUP,
    PREFERENCES_PATH,
    ROOMS_PATH,
    STANDINGS_PATH,
    USERS_PATH,
    LostDevices,
    PreferenceRecords,
    RoomMembers,
    RoomRecord,
    Standing,
    Standings,
    StandingsQuery,
    UserIds,
    UserRecords,
)

logger = logging.getLogger(__name__)

ASK_SECONDS = 2.0  # for one answer
QUESTIONS_AT_ONCE = 8
ReplyT = TypeVar("ReplyT")

questions = Counter("parley_notification_questions_total", "Questions to other services", ["service", "result"])


class Away(Exception):
    """A service does not answer properly, or not in time."""


class Neighbour:
    """A service that is asked over HTTP.

    Arguments:
        name: for logs and metrics.
        client: for HTTP.
        urls: of its processes, or of what stands before them; the next one is asked when one does not answer.
    """

    def __init__(self, name: str, client: httpx.AsyncClient, urls: Sequence[str]) -> None:
        self._name = name
        self._client = client
        self._urls = [url.rstrip("/") for url in urls]
        self._turn = 0
        self._places = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        self._is_away = False

    async def ask(self, method: str, path: str, model: type[ReplyT], **request: Any) -> ReplyT | None:
        """Its answer; None for 404.

        Raises:
            Away: there was none.
        """
        error: Exception | None = None
        for _ in self._urls:
            try:
                async with self._places, asyncio.timeout(ASK_SECONDS):
                    response = await self._client.request(method, self._urls[self._turn] + path, **request)
                if response.status_code == 404:
                    return None
                response.raise_for_status()
                answer = msgspec.json.decode(response.content or b"null", type=model)
            except (httpx.HTTPError, TimeoutError, ValueError) as failure:
                error = failure
                self._turn = (self._turn + 1) % len(self._urls)
            else:
                questions.labels(self._name, "answered").inc()
                self._is_away = False
                return answer
        questions.labels(self._name, "away").inc()
        metrics.dependency_errors.labels(self._name).inc()
        if not self._is_away:
            logger.warning("a service does not answer", extra={"asked": self._name, "error": repr(error)})
        self._is_away = True
        raise Away(self._name)


class Neighbours:
    """Auth, profile and chat.

    Arguments:
        client: for HTTP.
    """

    def __init__(self, client: httpx.AsyncClient, *, auth: str, profile: str, chat: Sequence[str]) -> None:
        self._auth = Neighbour("auth", client, [auth])
        self._profile = Neighbour("profile", client, [profile])
        self._chat = Neighbour("chat", client, chat)

    async def room(self, room_id: UUID) -> RoomRecord | None:
        """A room and who is in it, None when there is none. Raises Away."""
        return await self._chat.ask("GET", f"{ROOMS_PATH}/{room_id}", RoomRecord)

    async def standings(self, pairs: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Standing]:
        """How these (room, user) stand; who is no member is left out. Raises Away."""

        async def some(pairs: Sequence[tuple[UUID, UUID]]) -> list[Standing]:
            by_room: dict[UUID, list[UUID]] = {}
            for room_id, user_id in pairs:
                by_room.setdefault(room_id, []).append(user_id)
            query = StandingsQuery([RoomMembers(room_id, users) for room_id, users in by_room.items()])
            answer = await self._chat.ask("POST", STANDINGS_PATH, Standings, **_json(query))
            return [] if answer is None else answer.standings

        found = await asyncio.gather(*(some(part) for part in _parts(pairs, MAX_STANDINGS)))
        return {(standing.room, standing.user): standing for part in found for standing in part}

    async def preferences(self, user_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        """What those who have said so prefer of notifications. Raises Away."""
        found: dict[UUID, dict[str, Any]] = {}
        for part in _parts(user_ids, MAX_PREFERENCES):
            answer = await self._profile.ask("POST", PREFERENCES_PATH, PreferenceRecords, **_json(UserIds(list(part))))
            found |= {record.user: record.notifications for record in (answer.preferences if answer else [])}
        return found

    async def names(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The names of those who exist. Raises Away."""
        found: dict[UUID, str] = {}
        for part in _parts(user_ids, MAX_USERS_PER_LOOKUP):
            query = [("id", str(user_id)) for user_id in part]
            answer = await self._auth.ask("GET", USERS_PATH, UserRecords, params=query)
            found |= {record.id: record.display_name for record in (answer.users if answer else [])}
        return found

    async def tell_lost(self, tokens: Sequence[str]) -> None:
        """Auth is to forget these devices. Raises Away."""
        await self._auth.ask("POST", LOST_DEVICES_PATH, type(None), **_json(LostDevices(list(tokens))))


def _json(body: msgspec.Struct) -> dict[str, Any]:
    return {"content": msgspec.json.encode(body), "headers": {"Content-Type": "application/json"}}


PartT = TypeVar("PartT")


def _parts(items: Sequence[PartT], most: int) -> list[Sequence[PartT]]:
    return [items[start : start + most] for start in range(0, len(items), most)]

"""All that is stored of a user, for himself: ours, and what profile and chat have, asked for with his own token.

It is written as it is read, so that its size is no matter. What can fail fails before the first byte; if something
fails later the document ends in the middle, which no reader takes for a whole one.
"""

from collections.abc import AsyncIterator
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec

from chassis.logs import request_id
from chassis.postgres import Postgres
from chassis.problems import Unavailable
from chassis.times import rfc3339, utc_now
from chassis.tokens import Claims
from contracts.internal import EXPORT_PATH, ChatExport, ProfileExport

from . import audit
from .model import Client
from .store import exports as store
from .throttle import Quota

PART_SECONDS = 5.0  # for one question to another service

ModelT = TypeVar("ModelT", bound=msgspec.Struct)


class Export:
    """Collects it.

    Arguments:
        client: to ask the others with.
        profile_url, chat_url: where they are; what is None is left out and named in `missing`.
        quota: how often a user may.
    """

    def __init__(
        self, postgres: Postgres, client: httpx.AsyncClient, profile_url: str | None, chat_url: str | None, quota: Quota
    ) -> None:
        self._postgres = postgres
        self._client = client
        self._urls = {"profile": profile_url, "chat": chat_url}
        self._quota = quota

    async def of(self, claims: Claims, token: str, client: Client) -> AsyncIterator[bytes]:
        """The document in pieces.

        Raises:
            TooMany: not so often.
            Unavailable: a part cannot be had now.
        """
        await self._quota.take(f"u:{claims.user_id}", "")
        own = await self._own(claims.user_id)
        profile = await self._ask("profile", token, ProfileExport)
        chat = await self._ask("chat", token, ChatExport)
        audit.record("data_exported", user_id=claims.user_id, address=client.address)
        head = {
            "exported_at": rfc3339(utc_now()),
            "missing": [name for name, url in self._urls.items() if url is None],
            **own,
            "profile": profile.profile if profile is not None else None,
            "person": chat.person if chat is not None else None,
            "rooms": chat.rooms if chat is not None else [],
        }
        return self._written(head, chat, token)

    async def _written(self, head: dict[str, Any], chat: ChatExport | None, token: str) -> AsyncIterator[bytes]:
        yield msgspec.json.encode(head)[:-1] + b',"messages":['
        first = True
        while chat is not None:
            for message in chat.messages:
                yield (b"" if first else b",") + msgspec.json.encode(message)
                first = False
            chat = await self._ask("chat", token, ChatExport, after=chat.next) if chat.next is not None else None
        yield b"]}\n"

    async def _own(self, user_id: UUID) -> dict[str, Any]:
        async with self._postgres.connection() as connection:
            return {
                "account": await store.select_account(connection, user_id),
                "sessions": await store.select_sessions(connection, user_id),
                "devices": await store.select_devices(connection, user_id),
                "identities": await store.select_identities(connection, user_id),
                "mails": await store.select_mails(connection, user_id),
            }

    async def _ask(self, service: str, token: str, model: type[ModelT], **query: str) -> ModelT | None:
        url = self._urls[service]
        if url is None:
            return None
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": request_id.get()}
        try:
            response = await self._client.get(
                url.rstrip("/") + EXPORT_PATH, params=query, headers=headers, timeout=PART_SECONDS
            )
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=model)
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            raise Unavailable(f"The part of {service} cannot be had right now.") from error

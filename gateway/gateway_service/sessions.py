"""Whether a session lives, from who owns it: asked only while Redis cannot tell."""

from uuid import UUID

import httpx
import msgspec

from chassis.problems import Unavailable
from chassis.revocations import Ask
from contracts.internal import SESSION_PATH, SessionRecord


def ask_auth(client: httpx.AsyncClient, auth_url: str) -> Ask:
    """A function that asks the auth service.

    Arguments:
        client: for asking.
        auth_url: where it is.
    """

    async def ask(session_id: UUID) -> bool:
        try:
            response = await client.get(f"{auth_url}{SESSION_PATH}/{session_id}")
            if response.status_code == 404:
                return False
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=SessionRecord).alive
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise Unavailable("It cannot be known right now whether your session lives; try again.") from error

    return ask

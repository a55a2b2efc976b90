"""What other services may know of preferences."""

import httpx
import msgspec

from chassis.ids import uuid7
from contracts.internal import MAX_PREFERENCES, PREFERENCES_PATH, PreferenceRecords
from tests.support.auth import FakeAuth


async def test_only_what_concerns_notifications_leaves_and_only_of_who_said_something(
    client: httpx.AsyncClient, auth: FakeAuth
) -> None:
    said, otherwise, silent, removed = (auth.register(f"preferring{number}") for number in range(4))
    quiet = {"notifications": {"previews": False}, "theme": "dark"}
    for user, preferences in ((said, quiet), (otherwise, {"notifications": "no object"}), (removed, quiet)):
        reply = await client.patch("/profiles/me", headers=user.headers, json={"preferences": preferences})
        assert reply.status_code == 200
    assert (await client.get("/profiles/me", headers=silent.headers)).status_code == 200
    assert (await client.delete("/profiles/me", headers=removed.headers)).status_code == 204
    users = [str(user.id) for user in (said, otherwise, silent, removed)] + [str(uuid7())]
    reply = await client.post(PREFERENCES_PATH, json={"users": users})
    assert reply.status_code == 200
    found = msgspec.json.decode(reply.content, type=PreferenceRecords).preferences
    assert [(record.user, record.notifications) for record in found] == [(said.id, {"previews": False})]


async def test_not_more_than_so_many_are_answered_at_once(client: httpx.AsyncClient) -> None:
    users = [str(uuid7()) for _ in range(MAX_PREFERENCES + 1)]
    assert (await client.post(PREFERENCES_PATH, json={"users": users[1:]})).json() == {"preferences": []}
    assert (await client.post(PREFERENCES_PATH, json={"users": users})).status_code == 422

"""The calls over HTTP."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from parley_client import Account, ApiError, Grant, NoAnswer, Parley, SessionOver, Unavailable
from parley_client.tokens import Tokens
from tests.unit.parley_client.fake import CREATED_AT, USER, message

ROOM = {
    "id": "a",
    "type": "direct",
    "name": None,
    "friend": USER,
    "last_message": "hello",
    "last_message_at": CREATED_AT,
    "unread_count": 1,
    "last_seq": 3,
    "read_seq": 2,
    "joined_seq": 1,
}
GRANT = {"access_token": "t1", "refresh_token": "r1", "expires_in": 900, "username": "alice", "user_id": "u1"}
Answer = httpx.Response | Exception


class Server:
    """Answers in turn, or as a function says, and remembers what it was asked."""

    def __init__(self, *answers: Answer, then: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        self._then = then
        self.parley = Parley("http://one/", client=httpx.AsyncClient(transport=httpx.MockTransport(self._answer)))

    def account(self, lifetime: float = 900, refresh_token: str | None = "r0") -> Account:
        return self.parley.account("u1", "alice", Grant.lasting("t0", refresh_token, lifetime))

    def asked(self) -> list[tuple[str, str, str | None]]:
        """Method, target and token of each request."""
        return [
            (request.method, request.url.raw_path.decode(), request.headers.get("Authorization"))
            for request in self.requests
        ]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._then is not None:
            return self._then(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"code": code, "detail": "no", "errors": [{"field": "message", "detail": "is required"}]}
    return httpx.Response(status, json=body, headers=headers)


async def test_registering_and_logging_in_give_an_account() -> None:
    server = Server(ok(GRANT, 201), ok(GRANT))
    for account in (
        await server.parley.register("alice", "password", display_name="Alice"),
        await server.parley.login("alice", "password"),
    ):
        assert (account.id, account.username, account.tokens.grant.access_token) == ("u1", "alice", "t1")
    assert json.loads(server.requests[0].content) == {
        "username": "alice",
        "password": "password",
        "display_name": "Alice",
    }
    assert [target for _, target, _ in server.asked()] == ["/auth/register", "/auth/login"]


async def test_an_error_says_what_the_server_said() -> None:
    server = Server(problem(422, "invalid"), httpx.Response(500, text="<html>"), problem(429, "rate_limited"))
    with pytest.raises(ApiError) as invalid:
        await server.account().room("a")
    assert (invalid.value.status, invalid.value.code) == (422, "invalid")
    assert invalid.value.fields == ({"field": "message", "detail": "is required"},)
    with pytest.raises(ApiError) as broken:
        await server.account().room("a")
    assert (broken.value.status, broken.value.code) == (500, "http_500")
    with pytest.raises(Unavailable) as busy:
        await server.account().room("a")
    assert (busy.value.status, busy.value.retry_after) == (429, 1.0)


async def test_no_answer_is_neither_yes_nor_no() -> None:
    server = Server(httpx.ReadError("reset"))
    with pytest.raises(NoAnswer, match="reset"):
        await server.account().room("a")


async def test_a_token_that_is_refused_is_renewed_once_and_the_call_repeated() -> None:
    server = Server(problem(401, "token_expired"), ok(GRANT), ok(ROOM), problem(401, "x"), ok(GRANT), problem(401, "x"))
    account = server.account()
    kept: list[Grant] = []
    account.tokens._on_change = kept.append
    room = await account.room("a")
    assert (room.id, room.unread_count) == ("a", 1)
    assert room.friend is not None
    assert [token for _, _, token in server.asked()] == ["Bearer t0", None, "Bearer t1"]
    assert [grant.refresh_token for grant in kept] == ["r1"]
    with pytest.raises(ApiError, match="401"):
        await account.room("a")


async def test_a_token_that_is_nearly_over_is_renewed_before_the_call() -> None:
    server = Server(ok(GRANT), ok(ROOM))
    account = server.account(lifetime=0)
    await account.room("a")
    assert [target for _, target, _ in server.asked()] == ["/auth/refresh", "/api/chat/users/a/"]


@pytest.mark.parametrize("lost", [httpx.ReadError("reset"), httpx.Response(504), httpx.Response(502)])
async def test_a_renewal_whose_answer_was_lost_is_repeated_with_the_same_token(lost: Answer) -> None:
    server = Server(lost, problem(503, "unavailable", **{"Retry-After": "0"}), ok(GRANT), ok(ROOM))
    await server.account(lifetime=0).room("a")
    exchanges = [json.loads(request.content) for request in server.requests[:3]]
    assert exchanges == [{"refresh_token": "r0"}] * 3


async def test_a_renewal_that_is_refused_for_now_is_not_repeated_at_once() -> None:
    server = Server(problem(503, "busy"))
    with pytest.raises(Unavailable):
        await server.account(lifetime=0).room("a")
    assert len(server.requests) == 1


async def test_a_renewal_goes_on_when_its_caller_gives_up() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(refresh_token: str) -> Grant:
        asked.set()
        await answer.wait()
        return Grant.lasting("t1", "r1", 900)

    tokens = Tokens(Grant.lasting("t0", "r0", 0), slow)
    waiting = asyncio.create_task(tokens.fresh())
    await asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    answer.set()
    assert (await tokens.fresh()).refresh_token == "r1"


async def test_without_a_refresh_token_the_session_is_over_with_the_token() -> None:
    with pytest.raises(SessionOver):
        await Server().account(lifetime=0, refresh_token=None).room("a")


async def test_a_send_is_repeated_with_the_same_client_id_until_it_is_stored() -> None:
    stored = ok({**message("a", 4), "client_id": "mine", "duplicate": True})
    server = Server(httpx.ReadError("reset"), problem(503, "unavailable", **{"Retry-After": "0"}), stored)
    sent = await server.account().send("a", "hello", client_id="mine")
    assert (sent.seq, sent.duplicate) == (4, True)
    bodies = {request.content for request in server.requests}
    assert [json.loads(body) for body in bodies] == [{"room": "a", "message": "hello", "client_id": "mine"}]


async def test_a_reply_over_http_names_what_it_answers() -> None:
    server = Server(ok(message("a", 4)))
    await server.account().send("a", "yes", reply_to=3, client_id="mine")
    [request] = server.requests
    assert json.loads(request.content) == {"room": "a", "message": "yes", "client_id": "mine", "reply_to": 3}


async def test_a_send_is_not_repeated_for_ever_nor_when_it_is_refused() -> None:
    server = Server(problem(503, "unavailable", **{"Retry-After": "60"}), problem(404, "room_not_found"))
    with pytest.raises(Unavailable):
        await server.account().send("a", "hello", patience=1)
    with pytest.raises(ApiError, match="404"):
        await server.account().send("a", "hello")


async def test_all_of_a_rooms_history_is_read_page_by_page() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        after, limit = (int(request.url.params[name]) for name in ("after", "limit"))
        seqs = range(after + 1, min(after + limit, 450) + 1)
        return ok({"count": 450, "next": None, "previous": None, "results": [message("a", seq) for seq in seqs]})

    server = Server(then=page)
    seqs = [one.seq async for one in server.account().all_history("a")]
    assert seqs == list(range(1, 451))
    assert len(server.requests) == 4


async def test_the_other_calls_go_where_they_should() -> None:
    rooms = {"count": 1, "next": None, "previous": None, "results": [ROOM]}
    newest = {"count": 1, "next": None, "previous": None, "results": [message("a", 1)]}
    read, nothing = {"room": "a", "read_seq": 3}, httpx.Response(204)
    server = Server(
        ok(rooms), ok(ROOM), ok(ROOM, 201), ok(ROOM, 201), nothing, ok(newest), ok(newest), ok(read), nothing
    )
    account = server.account()
    assert [room.id async for room in account.rooms(online=True)] == ["a"]
    assert (await account.direct("bob")).type == "direct"
    await account.group("friends", "bob", "carol")
    await account.invite("a", "bob")
    await account.remove("a", "u2")
    assert [one.seq for one in await account.history("a")] == [1]
    await account.history("a", before=7, limit=3)
    assert await account.mark_read("a") == 3
    await account.logout(everywhere=True)
    assert [(method, target) for method, target, _ in server.asked()] == [
        ("GET", "/api/chat/users/?page=1&page_size=200&filter=online"),
        ("POST", "/api/chat/rooms/"),
        ("POST", "/api/chat/rooms/"),
        ("POST", "/api/chat/rooms/a/members/"),
        ("DELETE", "/api/chat/rooms/a/members/u2/"),
        ("GET", "/api/chat/a/messages/?before=9007199254740992&limit=50"),
        ("GET", "/api/chat/a/messages/?before=7&limit=3"),
        ("POST", "/api/chat/a/messages/"),
        ("POST", "/auth/logout"),
    ]


async def test_a_platform_has_an_address_and_closes_what_it_opened() -> None:
    with pytest.raises(ValueError, match="URL"):
        Parley()
    async with Parley("http://one", "http://two/") as parley:
        assert {parley.url() for _ in range(100)} == {"http://one", "http://two"}
    assert parley._client.is_closed

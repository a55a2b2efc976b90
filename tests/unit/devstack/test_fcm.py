"""FCM's stand-in: it takes what Google takes, remembers it, and fails when it is told to."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec
import pytest

from devstack.fcm.accounts import GOOGLE, GRANT, SCOPE, Accounts, ServiceAccount, create
from devstack.fcm.listener import Reply, Request
from devstack.fcm.server import Standin

SEND = "/v1/projects/parley-local/messages:send"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> ServiceAccount:
    """A service account."""
    file: Path = tmp_path_factory.mktemp("fcm") / "account.json"
    create(file)
    assert file.stat().st_mode & 0o077 == 0
    return msgspec.json.decode(file.read_bytes(), type=ServiceAccount)


class Client:
    """Somebody who has an access token, if the account is his."""

    def __init__(self, account: ServiceAccount) -> None:
        self.account = account
        self.standin = Standin(Accounts(account))
        self.token = ""

    async def ask(self, method: str, path: str, body: bytes = b"", **query: Any) -> Reply | None:
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.standin.handle(Request(method, path, query, headers, body))

    async def grant(self, **changes: Any) -> Reply | None:
        now = int(time.time())
        claims = {"iss": self.account.client_email, "aud": GOOGLE, "scope": SCOPE, "iat": now, "exp": now + 3600}
        key, kid = changes.pop("key", self.account.private_key), changes.pop("kid", self.account.private_key_id)
        algorithm, kind = changes.pop("algorithm", "RS256"), changes.pop("grant_type", GRANT)
        assertion = jwt.encode({**claims, **changes}, key, algorithm, {"kid": kid})
        return await self.ask("POST", "/token", urlencode({"grant_type": kind, "assertion": assertion}).encode())

    async def log_in(self) -> None:
        reply = await self.grant()
        assert reply is not None
        self.token = reply.body["access_token"]  # type: ignore[index]

    async def send(self, message: dict[str, Any]) -> Reply | None:
        return await self.ask("POST", SEND, msgspec.json.encode({"message": message}))

    async def tell(self, **control: Any) -> None:
        reply = await self.ask("POST", "/control", msgspec.json.encode(control))
        assert reply is not None
        assert reply.status == 200, reply.body

    async def deliveries(self, **query: Any) -> Any:
        reply = await self.ask("GET", "/deliveries", **query)
        assert reply is not None
        return msgspec.json.decode(msgspec.json.encode(reply.body))


@pytest.fixture
async def client(account: ServiceAccount) -> Client:
    """Somebody who may send."""
    client = Client(account)
    await client.log_in()
    return client


def message(token: str = "one", **more: Any) -> dict[str, Any]:
    return {"token": token, "notification": {"title": "Alice", "body": "<b>Hello</b>"}, **more}


async def test_a_message_is_remembered(client: Client) -> None:
    reply = await client.send(message(data={"room": "r"}, android={"notification": {"tag": "r"}}))
    assert reply is not None
    assert reply.status == 200
    assert reply.body["name"].startswith("projects/parley-local/messages/")  # type: ignore[index]
    await client.send(message("two"))
    found = await client.deliveries()
    assert [(one["token"], one["tag"], one["answered"]) for one in found["deliveries"]] == [
        ("one", "r", True),
        ("two", "", True),
    ]
    assert found["counts"]["deliveries"] == 2
    assert [one["token"] for one in (await client.deliveries(token="two"))["deliveries"]] == ["two"]
    assert [one["token"] for one in (await client.deliveries(limit="1"))["deliveries"]] == ["two"]


WRONG_ASSERTIONS: list[dict[str, Any]] = [
    {"grant_type": "password"},
    {"iss": "somebody@else"},
    {"aud": "https://example.org"},
    {"scope": "https://www.googleapis.com/auth/drive"},
    {"exp": int(time.time()) - 4000, "iat": int(time.time()) - 7000},
    {"exp": int(time.time()) + 90_000},
    {"kid": "another"},
    {"key": "a-shared-secret-that-is-long-enough", "algorithm": "HS256"},
]


@pytest.mark.parametrize("changes", WRONG_ASSERTIONS, ids=lambda changes: next(iter(changes)))
async def test_an_assertion_that_is_not_right_gets_no_token(account: ServiceAccount, changes: dict[str, Any]) -> None:
    reply = await Client(account).grant(**changes)
    assert reply is not None
    assert (reply.status, reply.body["error"]) == (400, "invalid_grant")  # type: ignore[index]


async def test_without_a_token_nothing_is_sent(client: Client) -> None:
    client.token = "made-up"
    reply = await client.send(message())
    assert reply is not None
    assert reply.status == 401
    await client.log_in()
    await client.tell(revoke_tokens=True)
    reply = await client.send(message())
    assert reply is not None
    assert reply.status == 401


WRONG_MESSAGES: list[dict[str, Any]] = [
    {"token": ""},
    {"unknown": 1},
    {"data": {"number": 1}},
    {"data": {"from": "me"}},
    {"data": {"google.x": "y"}},
    {"android": {"ttl": "60"}},
    {"android": {"ttl": "9999999s"}},
    {"android": {"priority": "URGENT"}},
    {"apns": {"headers": {"apns-collapse-id": "x" * 65}}},
    {"webpush": {"headers": {"Topic": "x" * 33}}},
    {"data": {"text": "x" * 5000}},
]


@pytest.mark.parametrize("changes", WRONG_MESSAGES, ids=str)
async def test_a_message_of_another_form_is_refused(client: Client, changes: dict[str, Any]) -> None:
    reply = await client.send({**message(), **changes})
    assert reply is not None
    assert reply.status == 400
    error = reply.body["error"]  # type: ignore[index]
    assert error["status"] == "INVALID_ARGUMENT"
    assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == ["FcmError", "BadRequest"]
    assert (await client.deliveries())["deliveries"] == []


async def test_it_fails_as_often_as_it_is_told_to(client: Client) -> None:
    await client.tell(failures=[{"status": 429, "times": 2, "retry_after": "3"}, {"how": "lose", "token": "two"}])
    replies = [await client.send(message()) for _ in range(3)]
    assert [reply and reply.status for reply in replies] == [429, 429, 200]
    assert replies[0] is not None
    assert replies[0].headers == {"Retry-After": "3"}
    assert (await client.send(message("one"))) is not None
    assert (await client.send(message("two"))) is None
    found = await client.deliveries()
    assert [(one["token"], one["answered"]) for one in found["deliveries"]] == [
        ("one", True),
        ("one", True),
        ("two", False),
    ]
    assert found["counts"]["lost_answers"] == 1


async def test_devices_that_are_gone_or_none(client: Client) -> None:
    await client.tell(unregistered=["one"], invalid=["two"])
    replies = [await client.send(message(token)) for token in ("one", "two", "three")]
    assert [reply and reply.status for reply in replies] == [404, 400, 200]


async def test_what_it_is_told_must_make_sense(client: Client) -> None:
    reply = await client.ask("POST", "/control", b'{"failure": []}')
    assert reply is not None
    assert reply.status == 400


async def test_its_page_shows_what_was_written_as_text(client: Client) -> None:
    await client.send(message("<token>"))
    reply = await client.ask("GET", "/")
    assert reply is not None
    assert reply.headers["Content-Type"].startswith("text/html")
    page = reply.body.decode()  # type: ignore[attr-defined]
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "&lt;token&gt;" in page

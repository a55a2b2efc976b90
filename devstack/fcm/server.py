"""The stand-in's doors: tokens, sending, what was delivered, and how it is told to fail."""

import asyncio
import re
import time
from collections import Counter, deque
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec

from devstack.fcm.accounts import Accounts, Refused
from devstack.fcm.listener import Reply, Request
from devstack.fcm.page import page_of
from devstack.fcm.schema import Message, Violation, error_reply, read_message

MAX_DELIVERIES = 50_000  # remembered
SHOWN = 100  # at once, where no number is asked for
_SEND = re.compile("/v1/projects/([^/]+)/messages:send")


class Delivery(msgspec.Struct, frozen=True):
    """A message that was accepted."""

    number: int
    name: str
    token: str
    tag: str
    message: Message
    received_at: float  # seconds since the epoch
    answered: bool  # False: its sender was not told


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """What happens instead of a delivery, `times` times."""

    how: Literal["answer", "lose", "hang"] = "answer"  # an error; deliver and break off; do neither
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    status: int = 503
    code: str | None = None  # FCM's own word
    retry_after: str | None = None
    token: str | None = None  # only of messages to this device
    seconds: float = 3600.0  # how long it hangs


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the stand-in is told; what is left out stays as it is."""

    failures: list[Failure] | None = None
    unregistered: list[str] | None = None  # devices that have uninstalled the application
    invalid: list[str] | None = None  # tokens that are none
    delay_seconds: float | None = None  # of every answer
    token_failures: int | None = None  # requests for an access token that are answered 503
    revoke_tokens: bool = False
    forget: bool = False  # everything delivered


class Standin:
    """The stand-in, without its listener."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._deliveries: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)
        self._counts: Counter[str] = Counter()
        self._failures: list[Failure] = []
        self._unregistered: set[str] = set()
        self._invalid: set[str] = set()
        self._delay_seconds = 0.0
        self._token_failures = 0

    async def handle(self, request: Request) -> Reply | None:
        """Answer a request, or not (None)."""
        if request.method == "POST" and (match := _SEND.fullmatch(request.path)):
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            return await self._send(match[1], request)
        try:
            if (request.method, request.path) == ("POST", "/token"):
                return self._token(request)
            if (request.method, request.path) == ("POST", "/control"):
                self._obey(msgspec.json.decode(request.body, type=Control))
                return Reply(200, {"failures": self._failures})
            if request.method == "GET":
                return self._show(request.path, request.query)
        except ValueError as error:
            return Reply(400, {"error": str(error)})
        return Reply(404, {"error": "not found"})

    def _token(self, request: Request) -> Reply:
        self._counts["token_requests"] += 1
        if self._token_failures:
            self._token_failures -= 1
            return Reply(503, {"error": "temporarily_unavailable"})
        try:
            return Reply(200, self._accounts.grant(dict(parse_qsl(request.body.decode()))))
        except Refused as error:
            return Reply(400, {"error": "invalid_grant", "error_description": str(error)})

    async def _send(self, project: str, request: Request) -> Reply | None:
        self._counts["attempts"] += 1
        if not self._accounts.knows(request.headers.get("authorization", "")):
            return error_reply(401, code="")
        if project != self._accounts.account.project_id:
            return error_reply(403, code="")
        try:
            sending = read_message(request.body)
        except Violation as violation:
            self._counts["invalid_messages"] += 1
            return error_reply(400, violation=violation)
        message, failure = sending.message, self._failure_of(sending.message.token)
        if failure is not None:
            self._counts["failures"] += 1
            if failure.how == "lose":
                self._deliver(project, message, answered=False)
                return None
            if failure.how == "hang":
                await asyncio.sleep(failure.seconds)
                return None
            return error_reply(failure.status, code=failure.code, retry_after=failure.retry_after)
        if message.token in self._invalid:
            return error_reply(400, violation=Violation("message.token", "Invalid registration token"))
        if message.token in self._unregistered:
            return error_reply(404)
        if sending.validate_only:
            return Reply(200, {"name": f"projects/{project}/messages/fake_message_id"})
        return Reply(200, {"name": self._deliver(project, message, answered=True)})

    def _failure_of(self, token: str) -> Failure | None:
        for failure in self._failures:
            if failure.token in (None, token):
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure
        return None

    def _deliver(self, project: str, message: Message, *, answered: bool) -> str:
        self._counts["deliveries"] += 1
        self._counts["lost_answers"] += not answered
        name = f"projects/{project}/messages/{uuid4()}"
        number = self._counts["deliveries"]
        delivery = Delivery(number, name, message.token, message.tag, message, time.time(), answered)
        self._deliveries.append(delivery)
        return name

    def _obey(self, control: Control) -> None:
        if control.failures is not None:
            self._failures = list(control.failures)
        if control.unregistered is not None:
            self._unregistered = set(control.unregistered)
        if control.invalid is not None:
            self._invalid = set(control.invalid)
        if control.delay_seconds is not None:
            self._delay_seconds = control.delay_seconds
        if control.token_failures is not None:
            self._token_failures = control.token_failures
        if control.revoke_tokens:
            self._accounts.revoke()
        if control.forget:
            self._deliveries.clear()
            self._counts.clear()

    def _show(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/readyz":
            return Reply(200, {"status": "ready"})
        if path == "/deliveries":
            return Reply(200, {"counts": self._counts, "deliveries": self._chosen(query)})
        if path == "/":
            policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            body = page_of(self._counts, [msgspec.to_builtins(delivery) for delivery in self._chosen(query)])
            return Reply(200, body, {"Content-Type": "text/html; charset=utf-8", **policy})
        return Reply(404, {"error": "not found"})

    def _chosen(self, query: dict[str, str]) -> list[Delivery]:
        """The latest that are asked for, the earliest of them first."""
        token, limit = query.get("token"), int(query.get("limit", SHOWN))
        found: list[Any] = [delivery for delivery in self._deliveries if token in (None, delivery.token)]
        return found[-limit:] if limit > 0 else []

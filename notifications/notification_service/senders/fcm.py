"""Firebase Cloud Messaging, HTTP v1 (projects.messages.send in its reference)."""

import base64
import datetime
import email.utils
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from chassis import metrics
from chassis.lifecycle import Fatal

from ..model import Push, Result
from ..policy import text_of
from .access import AccessAway, AccessTokens

MAX_RETRY_AFTER_SECONDS = 3600.0
QUOTA_SECONDS = 60.0  # after "too much" without a time, as Google's documentation asks


class Fcm:
    """A Sender for Android, Apple and web applications that registered with FCM; also a component.

    A device shows one notification per room: `tag` and its likes make a later one take the place of an earlier one,
    also of itself, should it be sent twice.

    Arguments:
        tokens: access.
        url: of FCM.
        seconds: for one message.
        life_seconds: for how long FCM keeps trying.
        connections: at most.
        proxy: what stands between us and FCM, if anything.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        url: str,
        *,
        seconds: float,
        life_seconds: float,
        connections: int,
        proxy: str | None = None,
    ) -> None:
        self._tokens = tokens
        self._url = url.rstrip("/")
        self._life_seconds = int(life_seconds)
        self._client = httpx.AsyncClient(
            timeout=seconds,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            proxy=proxy,
            trust_env=False,
        )

    async def start(self) -> None:
        """Read the credentials.

        Raises:
            Fatal: they are none.
        """
        self._tokens.load()
        if not self._tokens.project_id:
            raise Fatal("FCM_CREDENTIALS_FILE names no project")

    async def stop(self) -> None:
        """Close the connections."""
        self._tokens.close()
        await self._client.aclose()

    async def send(self, push: Push) -> Result:
        """See model.Sender."""
        try:
            token = await self._tokens.get()
        except AccessAway as error:
            metrics.dependency_errors.labels("google").inc()
            return Result("later", reason=f"no access: {error}")
        try:
            response = await self._client.post(
                f"{self._url}/v1/projects/{self._tokens.project_id}/messages:send",
                content=msgspec.json.encode({"message": message_of(push, self._life_seconds)}),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:  # it was not even sent
            metrics.dependency_errors.labels("fcm").inc()
            return Result("later", reason=type(error).__name__)
        except httpx.HTTPError as error:
            metrics.dependency_errors.labels("fcm").inc()
            return Result("later", known=False, reason=type(error).__name__)
        if response.status_code == 401:
            self._tokens.refused(token)
        return result_of(response.status_code, response.headers, response.content)


def message_of(push: Push, life_seconds: int) -> dict[str, Any]:
    """The message, as FCM wants it."""
    notice = push.notice
    tag = str(notice.room_id or notice.subject_id)
    data = {"type": "welcome"} if notice.room_id is None else {
        "type": "message",
        "room": str(notice.room_id),
        "message": str(notice.subject_id),
        "seq": str(notice.seq),
        "user": str(notice.sender_id),
    }  # fmt: skip
    topic = base64.urlsafe_b64encode((notice.room_id or notice.subject_id).bytes).rstrip(b"=").decode()
    expires_at = int(notice.created_at.timestamp()) + life_seconds
    return {
        "token": push.token,
        "notification": {"title": notice.title, "body": text_of(notice)},
        "data": data,
        "android": {
            "collapse_key": tag,
            "priority": "HIGH",
            "ttl": f"{life_seconds}s",
            "notification": {"tag": tag},
        },
        "apns": {
            "headers": {"apns-collapse-id": tag, "apns-expiration": str(expires_at)},
            "payload": {"aps": {"thread-id": tag, "sound": "default"}},
        },
        "webpush": {
            "headers": {"TTL": str(life_seconds), "Urgency": "high", "Topic": topic},
            "notification": {"tag": tag},
        },
    }


class _Violation(msgspec.Struct, frozen=True):
    field: str = ""


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    field_violations: list[_Violation] = []


class _Error(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Answer(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def result_of(status: int, headers: Mapping[str, str], body: bytes) -> Result:
    """What an answer means (Google's "FCM error codes")."""
    if status == 200:
        return Result("sent")
    try:
        error = msgspec.json.decode(body, type=_Answer).error
    except ValueError:  # a page of something in between
        error = _Error()
    code = next((detail.error_code for detail in error.details if detail.error_code), error.status)
    reason = f"{status} {code}".strip()
    if status == 404 and code == "UNREGISTERED":
        return Result("lost", reason=reason)
    if status == 400:
        fields = {violation.field for detail in error.details for violation in detail.field_violations}
        is_no_token = "message.token" in fields or "registration token" in error.message.lower()
        return Result("lost" if is_no_token else "refused", reason=reason)
    if status == 403 and code == "SENDER_ID_MISMATCH":
        return Result("refused", reason=reason)  # the application of another project
    if status in (401, 403, 404, 408) or status >= 500 or status == 429:
        retry_after = retry_after_seconds(headers.get("retry-after", ""))
        if retry_after is None:
            retry_after = QUOTA_SECONDS if status == 429 else 0.0
        known = status < 500 or status == 503  # other errors may come after the message was accepted
        return Result("later", known=known, retry_after=retry_after, slow_down=status in (429, 503), reason=reason)
    return Result("refused", reason=reason)


def retry_after_seconds(text: str) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, section 10.2.3), None when it says nothing."""
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    seconds = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)

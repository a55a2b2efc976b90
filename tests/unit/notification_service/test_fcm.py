"""What is said to FCM, and what its answers mean."""

import datetime
import email.utils
from uuid import UUID

import msgspec
import pytest

from chassis.times import utc_now
from devstack.fcm.schema import Violation, error_reply, read_message
from notification_service.model import Notice, Push
from notification_service.senders.fcm import message_of, result_of, retry_after_seconds

ROOM = UUID("01a1fe63-4548-769f-9bdf-00198356a73c")


def push(**changes: object) -> Push:
    notice = Notice(UUID(int=1), UUID(int=2), "Alice", "", "Hello", utc_now(), ROOM, 7, UUID(int=3))
    return Push(1, "token", "fcm", 0, 1, repeated=False, notice=msgspec.structs.replace(notice, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"content": None},
        {"room_id": None, "seq": None, "sender_id": None},
        {"title": "🦊" * 100, "lead": "🦊" * 100 + ": ", "content": "🦊" * 200},
    ],
)
def test_messages_have_the_form_that_google_asks_for(changes: dict[str, object]) -> None:
    body = msgspec.json.encode({"message": message_of(push(**changes), 86_400)})
    message = read_message(body).message
    assert message.token == "token"
    assert message.tag == str(changes.get("room_id", ROOM) or UUID(int=1))


def test_a_message_names_its_room_and_replaces_what_is_shown_of_it() -> None:
    message = message_of(push(), 60)
    assert message["notification"] == {"title": "Alice", "body": "Hello"}
    assert message["data"] == {
        "type": "message",
        "room": str(ROOM),
        "message": str(UUID(int=1)),
        "seq": "7",
        "user": str(UUID(int=3)),
    }
    assert message["android"]["notification"]["tag"] == message["android"]["collapse_key"] == str(ROOM)
    assert message["android"]["ttl"] == "60s"
    assert message["apns"]["headers"]["apns-collapse-id"] == str(ROOM)
    assert message["webpush"]["notification"]["tag"] == str(ROOM)


def test_nothing_of_a_content_that_is_not_to_be_shown_is_sent() -> None:
    assert message_of(push(content=None), 60)["notification"]["body"] == "New message"


VIOLATION = Violation("message.token", "Invalid registration token")
CASES = [
    (error_reply(400), "refused", True, 0, False),
    (error_reply(400, violation=VIOLATION), "lost", True, 0, False),
    (error_reply(400, violation=Violation("message.data", "no")), "refused", True, 0, False),
    (error_reply(401, code=""), "later", True, 0, False),
    (error_reply(403), "refused", True, 0, False),
    (error_reply(403, code=""), "later", True, 0, False),
    (error_reply(404), "lost", True, 0, False),
    (error_reply(404, code=""), "later", True, 0, False),  # no such project: a mistake of ours, not of the device
    (error_reply(429), "later", True, 60, True),
    (error_reply(429, retry_after="7"), "later", True, 7, True),
    (error_reply(500), "later", False, 0, False),
    (error_reply(503, retry_after="3"), "later", True, 3, True),
]


@pytest.mark.parametrize(("reply", "outcome", "known", "retry_after", "slow_down"), CASES)
def test_answers(reply: object, outcome: str, known: bool, retry_after: float, slow_down: bool) -> None:
    status, body, headers = reply.status, reply.body, reply.headers  # type: ignore[attr-defined]
    lower = {name.lower(): value for name, value in headers.items()}
    result = result_of(status, lower, msgspec.json.encode(body))
    assert (result.outcome, result.known, result.retry_after, result.slow_down) == (
        outcome,
        known,
        retry_after,
        slow_down,
    )


def test_a_token_that_is_none_is_known_by_its_text_too() -> None:
    text = "The registration token is not a valid FCM registration token"
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT"}]
    error = {"code": 400, "message": text, "status": "INVALID_ARGUMENT", "details": details}
    assert result_of(400, {}, msgspec.json.encode({"error": error})).outcome == "lost"


@pytest.mark.parametrize(("status", "outcome"), [(502, "later"), (400, "refused"), (200, "sent"), (404, "later")])
def test_answers_of_something_in_between(status: int, outcome: str) -> None:
    assert result_of(status, {}, b"<!DOCTYPE html><title>Error</title>").outcome == outcome


def test_retry_after_is_a_number_or_a_date() -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    assert retry_after_seconds("120") == 120
    assert retry_after_seconds("0") == 0
    assert 80 < (retry_after_seconds(email.utils.format_datetime(moment, usegmt=True)) or 0) <= 90
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("99999999") == 3600
    for nothing in ("", "soon", "-5", "1.5"):
        assert retry_after_seconds(nothing) is None

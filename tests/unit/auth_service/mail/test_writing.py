"""What mails say."""

from email import message_from_bytes, policy
from typing import Any, get_args

import pytest

from auth_service.mail.queue import WORTH
from auth_service.mail.writing import LETTERS, check_sender, compose, lifetime
from auth_service.model import MailKind
from chassis.ids import uuid7
from chassis.lifecycle import Fatal

KINDS: tuple[MailKind, ...] = get_args(MailKind)
ID = uuid7()


def letter(kind: MailKind = "reset_password", **more: Any) -> Any:
    values = {"sender": "Parley <no-reply@chat.example.org>", "recipient": "a@b.example", "username": "alice"}
    return compose(
        kind, mail_id=ID, public_url="https://chat.example.org/", token="t-0_", token_seconds=3600, **{**values, **more}
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_plain_text_with_a_subject_and_nothing_left_open(kind: MailKind) -> None:
    message = letter(kind)
    again = message_from_bytes(bytes(message), policy=policy.default)
    assert again.get_content_type() == "text/plain"
    assert again["Subject"] == message["Subject"] != ""
    assert "$" not in message.get_content()
    assert "alice" in message.get_content()
    assert max(len(line) for line in (LETTERS / f"{kind}.txt").read_text().splitlines()) <= 80
    assert again["Auto-Submitted"] == "auto-generated"


def test_every_kind_has_a_letter_and_a_time() -> None:
    assert {path.stem for path in LETTERS.iterdir()} == set(KINDS) == set(WORTH)


def test_a_repeat_has_the_same_message_id() -> None:
    assert letter()["Message-ID"] == letter()["Message-ID"] == f"<{ID}@chat.example.org>"


def test_the_token_is_not_where_servers_see_it() -> None:
    assert "https://chat.example.org/reset-password#token=t-0_" in letter().get_content()


@pytest.mark.parametrize("recipient", ["a@b.example\nBcc: everybody@example.org", "a@b.example\r\n\r\nBuy!"])
def test_an_address_cannot_add_headers(recipient: str) -> None:
    with pytest.raises(ValueError):
        letter(recipient=recipient)


def test_an_address_in_any_script_is_written_whole() -> None:
    assert letter(recipient="müller@bücher.example")["To"].addresses[0].addr_spec == "müller@bücher.example"


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1 minute"), (1800, "30 minutes"), (3600, "1 hour"), (86400, "24 hours")]
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    assert lifetime(seconds) == text


@pytest.mark.parametrize("sender", ["", "nobody", "a@b, c@d", "Parley <>", "a\nb <a@b.example>"])
def test_a_sender_that_is_none_is_refused(sender: str) -> None:
    with pytest.raises(Fatal, match="MAIL_FROM"):
        check_sender(sender)

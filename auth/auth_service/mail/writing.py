"""What a mail says: plain text from a file, whose first line is its subject. Pure."""

import functools
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from string import Template
from urllib.parse import quote
from uuid import UUID

from chassis.lifecycle import Fatal
from chassis.times import utc_now

from ..model import MailKind

LETTERS = Path(__file__).with_name("letters")
PAGES: Mapping[MailKind, str] = {"verify_email": "verify-email", "reset_password": "reset-password"}
_SUBJECT = "Subject: "


@functools.cache
def _letter(kind: MailKind) -> tuple[str, Template]:
    """The subject and the text of a kind of mail."""
    head, _, text = (LETTERS / f"{kind}.txt").read_text().partition("\n\n")
    return head.removeprefix(_SUBJECT), Template(text)


def check_sender(sender: str) -> None:
    """Make sure that mails can be from `sender`.

    Raises:
        Fatal: it is not `Name <address>`, or an address.
    """
    try:
        message = EmailMessage()
        message["From"] = sender
        (address,) = message["From"].addresses
    except (ValueError, IndexError):
        address = None
    if address is None or not (address.username and address.domain):
        raise Fatal("MAIL_FROM must be an e-mail address, or `Name <address>`")


def link(public_url: str, kind: MailKind, token: str) -> str:
    """The page where a token is used. It is behind the `#`, so that it is in no server's log and in no `Referer`."""
    return f"{public_url.rstrip('/')}/{PAGES[kind]}#token={quote(token, safe='')}"


def lifetime(seconds: float) -> str:
    """A time as people say it: `24 hours`, `30 minutes`."""
    count, unit = (round(seconds / 3600), "hour") if seconds >= 3600 else (max(1, round(seconds / 60)), "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def compose(
    kind: MailKind,
    *,
    mail_id: UUID,
    sender: str,
    recipient: str,
    username: str,
    public_url: str,
    token: str = "",
    token_seconds: float = 0,
) -> EmailMessage:
    """The mail, ready to be sent.

    Arguments:
        kind: which one.
        mail_id: makes the Message-ID, the same each time, so that a repeat can be recognised.
        sender: `Name <address>`.
        recipient: the address alone.
        username: whose account; nothing else that a stranger may choose is in a mail, lest we send his advertising.
        public_url: where clients find the platform.
        token: of the link, for kinds that have one.
        token_seconds: how long it is good.

    Raises:
        ValueError: an address cannot stand in a header.
    """
    subject, text = _letter(kind)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = f"<{mail_id}@{message['From'].addresses[0].domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered
    message.set_content(
        text.substitute(
            username=username,
            base=public_url.rstrip("/"),
            token=token,
            link=link(public_url, kind, token) if kind in PAGES else "",
            lifetime=lifetime(token_seconds),
        )
    )
    return message

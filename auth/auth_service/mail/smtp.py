"""How mail leaves: one SMTP server, by a URL."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib
import msgspec

from chassis.lifecycle import Fatal

SECONDS = 10.0  # for each step of the conversation
_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = {"required": True, "offered": None, "never": False}
_PERMANENT = range(500, 600)


class MailServerAway(Exception):
    """The mail server does not take mail now: try again later."""


class MailDelayed(Exception):
    """The mail server does not take this one mail now (greylisting, a full mailbox): try it again later."""


class MailRefused(Exception):
    """The mail server will never take this mail, or this address."""


class SmtpServer(msgspec.Struct, frozen=True):
    """Where mail goes, and how it is kept from being read on the way."""

    host: str
    port: int
    username: str | None
    password: str | None
    implicit_tls: bool
    starttls: bool | None  # True: or not at all; None: if it is offered


def parse_smtp_url(url: str) -> SmtpServer:
    """The server of `smtp://` or `smtps://[user:password@]host[:port][?starttls=required|offered|never]`.

    `smtp://` means STARTTLS, and no mail without it, unless the query says otherwise: what is merely offered can be
    taken away by whoever is in between.

    Raises:
        Fatal: it is not such a URL; the text is not shown, since it may hold a password.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = query.pop("starttls", "required")
    try:
        port = parts.port or _PORTS[parts.scheme]
        secure = _STARTTLS[starttls]
    except (KeyError, ValueError):
        raise _unusable() from None
    if not parts.hostname or query or parts.path not in ("", "/") or parts.fragment:
        raise _unusable()
    return SmtpServer(
        host=parts.hostname,
        port=port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        implicit_tls=parts.scheme == "smtps",
        starttls=False if parts.scheme == "smtps" else secure,
    )


def _unusable() -> Fatal:
    return Fatal("SMTP_URL must be smtp:// or smtps://[user:password@]host[:port][?starttls=required|offered|never]")


class Conversation:
    """An open conversation with the server."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> None:
        """Hand one mail over; the server has it when this returns.

        Raises:
            MailRefused: it never will.
            MailDelayed: it may take this one later; the conversation can go on.
            MailServerAway: the conversation is over.
        """
        try:
            await self._client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refusal.code for refusal in error.recipients}
            raise _judged(error, permanent=all(code in _PERMANENT for code in codes)) from error
        except aiosmtplib.SMTPSenderRefused as error:  # our own address: the operator's mistake, which he may repair
            raise MailServerAway(repr(error)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error, permanent=error.code in _PERMANENT) from error
        except aiosmtplib.SMTPNotSupported as error:  # an address that needs SMTPUTF8
            raise MailRefused(repr(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerAway(repr(error)) from error
        except ValueError as error:
            raise MailRefused(type(error).__name__) from error


def _judged(error: Exception, *, permanent: bool) -> Exception:
    name = type(error).__name__  # its text may name the address
    code = getattr(error, "code", "")
    return (MailRefused if permanent else MailDelayed)(f"{name} {code}")


@asynccontextmanager
async def connected(server: SmtpServer) -> AsyncIterator[Conversation]:
    """A conversation for the length of a block.

    Raises:
        MailServerAway: it could not be begun.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.implicit_tls,
        start_tls=server.starttls,
        timeout=SECONDS,
    )
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise MailServerAway(f"{type(error).__name__} {getattr(error, 'code', '')}".strip()) from error
    try:
        yield Conversation(client)
    finally:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=1)
        client.close()

"""An SMTP server that keeps the latest mails in memory."""

import asyncio
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

from chassis.times import rfc3339, utc_now

KEPT = 200
MAX_MAIL_BYTES = 1024 * 1024


class Caught(msgspec.Struct, frozen=True):
    """One mail."""

    at: str  # RFC 3339
    sender: str
    recipients: list[str]
    subject: str
    text: str


class Sink:
    """Takes every mail, as a component.

    Arguments:
        host: where to listen.
        port: 0 takes a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self.port = port
        self.mails: deque[Caught] = deque(maxlen=KEPT)  # the oldest first
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    def _protocol(self) -> SMTP:
        return SMTP(self, data_size_limit=MAX_MAIL_BYTES, enable_SMTPUTF8=True, hostname="localhost")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """A mail has come; see aiosmtpd."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        body = message.get_body(("plain",))
        self.mails.append(
            Caught(
                at=rfc3339(utc_now()) or "",
                sender=envelope.mail_from or "",
                recipients=[str(recipient) for recipient in envelope.rcpt_tos],
                subject=str(message["Subject"] or ""),
                text=body.get_content() if body is not None else "",
            )
        )
        return "250 caught"

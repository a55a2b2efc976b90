"""A mail server for tests: the devstack's sink, and what can be read in its mails."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.mail.sink import Caught, Sink

SECONDS = 10
TOKEN = re.compile(r"#token=([\w-]+)")


class MailServer(Sink):
    """A sink that can refuse.

    Attributes:
        answers: what is said to the next recipients, instead of taking them.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__("127.0.0.1", port)
        self.answers: list[str] = []

    @property
    def url(self) -> str:
        """For `SMTP_URL`."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """See aiosmtpd."""
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def to(self, recipient: str) -> list[Caught]:
        """The mails to an address, the oldest first."""
        return [mail for mail in self.mails if mail.recipients == [recipient]]

    async def wait(self, recipient: str, count: int = 1) -> Caught:
        """The latest of `count` mails to an address, once they are here."""
        deadline = time.monotonic() + SECONDS
        while len(self.to(recipient)) < count:
            assert time.monotonic() < deadline, f"{len(self.to(recipient))} of {count} mails have come: {self.mails}"
            await asyncio.sleep(0.01)
        return self.to(recipient)[count - 1]


@asynccontextmanager
async def mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """A running one."""
    server = MailServer(port)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def token_in(mail: Caught) -> str:
    """The token of the link in a mail."""
    found = TOKEN.search(mail.text)
    assert found is not None, mail.text
    return found[1]

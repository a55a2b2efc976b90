"""Having mail sent: a row in the caller's transaction, and a nudge after it."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from chassis.ids import uuid7
from chassis.postgres import Connection
from chassis.problems import Unavailable

from ..model import MailKind
from ..store import mails as store

HOUR = 3600.0
# How long a mail is worth sending. A link's time begins when its mail is sent.
WORTH: Mapping[MailKind, float] = {
    "verify_email": 24 * HOUR,
    "reset_password": 1 * HOUR,  # who has waited this long has asked again, or given up
    "password_changed": 72 * HOUR,
    "email_changed": 72 * HOUR,
}


class MailQueue:
    """Takes mails that are to be sent.

    Arguments:
        enabled: False where there is no mail server: then nothing is taken.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self.nudged = asyncio.Event()

    def need(self) -> None:
        """Raise Unavailable where no mail is sent at all; for callers that make no sense without it."""
        if not self.enabled:
            raise Unavailable("This installation sends no e-mail.", code="no_mail", retry_after=HOUR)

    async def put(self, connection: Connection, kind: MailKind, user_id: UUID | None, recipient: str | None) -> None:
        """Have a mail sent once the caller's transaction has been committed; one that is waiting already is enough.

        Arguments:
            user_id: whose; None for whoever has that address.
            recipient: None: nobody is told.
        """
        if self.enabled and recipient is not None:
            await store.insert_mail(connection, uuid7(), kind, user_id, recipient, WORTH[kind])

    def nudge(self) -> None:
        """Something has been committed: do not wait for the next look at the queue."""
        self.nudged.set()

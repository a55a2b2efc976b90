"""Sends what is in the queue: at least once, again after a while when the mail server is away, until it is too late."""

import asyncio
import logging
import random
import time

import msgspec
from prometheus_client import Counter, Gauge

from chassis import background, metrics
from chassis.background import paused
from chassis.postgres import Connection, Postgres, is_away

from .. import policy
from ..model import Account, Mail, TokenPurpose
from ..store import accounts as store_accounts
from ..store import email_tokens as store_tokens
from ..store import mails as store
from ..tokens import digest, new_secret
from .queue import MailQueue
from .smtp import Conversation, MailDelayed, MailRefused, MailServerAway, SmtpServer, connected
from .writing import compose

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
CHORES_SECONDS = 15.0
BATCH = 20
MAIL_SECONDS = 20.0  # for one mail
BATCH_SECONDS = 60.0
LEASE_SECONDS = BATCH_SECONDS + MAIL_SECONDS + 10.0
STOP_SECONDS = 3.0
FIRST_WAIT_SECONDS = 2.0
LAST_WAIT_SECONDS = 600.0

mails_total = Counter("parley_auth_mails_total", "Mails by what came of them", ["kind", "outcome"])
mails_waiting = Gauge("parley_auth_mails_waiting", "Mails in the queue")
mails_waiting_seconds = Gauge("parley_auth_mails_waiting_seconds", "Age of the oldest mail in the queue")


class MailSettings(msgspec.Struct, frozen=True):
    """What is in every mail, and how long links are good."""

    sender: str
    public_url: str
    token_seconds: dict[TokenPurpose, float]


class Postman:
    """Empties the queue, as a component; any number of processes may run one.

    Arguments:
        postgres: where the queue is.
        queue: says when there is something new.
        server: where mail goes; None turns it off.
        settings: of the mails.
    """

    def __init__(self, postgres: Postgres, queue: MailQueue, server: SmtpServer | None, settings: MailSettings) -> None:
        self._postgres = postgres
        self._queue = queue
        self._server = server
        self._settings = settings
        self._next_chores = 0.0  # monotonic
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; neither the mail server nor Postgres need be there."""
        if self._server is None:
            logger.info("no SMTP_URL: no mail is sent")
            return
        self._task = asyncio.create_task(self._run(self._server), name="postman")

    async def stop(self) -> None:
        """End after the mail at hand, if that does not take long. What was begun and not ended is sent once more, by
        whoever comes next, when its lease is over."""
        self._stopping = True
        self._queue.nudge()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
        await background.end(self._task)

    async def _run(self, server: SmtpServer) -> None:
        while not self._stopping:
            self._queue.nudged.clear()
            try:
                full = await self._empty(server)
                await self._do_chores()
            except Exception as error:
                full = False
                if is_away(error):
                    logger.warning("the queue of mails cannot be read", extra={"error": repr(error)})
                else:
                    logger.exception("the postman stumbled")
            if not full and not self._stopping:
                await paused(self._queue.nudged, POLL_SECONDS)

    async def _empty(self, server: SmtpServer) -> bool:
        """Send a batch. Returns whether there may be more at once."""
        async with self._postgres.connection() as connection:
            mails = await store.claim_mails(connection, BATCH, LEASE_SECONDS)
        if not mails:
            return False
        ends = time.monotonic() + BATCH_SECONDS
        waiting = list(mails)
        try:
            async with connected(server) as conversation:
                while waiting and not self._stopping and time.monotonic() < ends:
                    async with asyncio.timeout(MAIL_SECONDS):
                        await self._deliver(conversation, waiting[0])
                    waiting.pop(0)
            if waiting:
                await self._put_off(waiting)
        except (MailServerAway, TimeoutError) as error:
            metrics.dependency_errors.labels("smtp").inc()
            logger.warning("the mail server is away", extra={"error": str(error), "mails": len(waiting)})
            await self._put_off(waiting)
            return False
        return len(mails) == BATCH

    async def _deliver(self, conversation: Conversation, mail: Mail) -> None:
        async with self._postgres.transaction() as connection:
            account = await self._addressee(connection, mail)
            token, token_seconds = "", 0.0
            if account is not None and (mail.kind == "verify_email" or mail.kind == "reset_password"):
                token, token_seconds = new_secret(), self._settings.token_seconds[mail.kind]
                await store_tokens.insert_email_token(
                    connection, digest(token), mail.kind, account.id, mail.recipient, token_seconds
                )
        outcome = "nobody"  # has this address, or the account is gone
        if account is not None:
            outcome = await self._hand_over(conversation, mail, account, token, token_seconds)
        if outcome == "delayed":
            await self._put_off([mail])
        else:
            async with self._postgres.connection() as connection:
                await store.delete_mail(connection, mail.id)
        mails_total.labels(mail.kind, outcome).inc()

    async def _hand_over(
        self, conversation: Conversation, mail: Mail, account: Account, token: str, token_seconds: float
    ) -> str:
        try:
            message = compose(
                mail.kind,
                mail_id=mail.id,
                sender=self._settings.sender,
                recipient=mail.recipient,
                username=account.username,
                public_url=self._settings.public_url,
                token=token,
                token_seconds=token_seconds,
            )
            await conversation.send(message)
        except (MailRefused, MailDelayed, ValueError) as error:
            outcome = "delayed" if isinstance(error, MailDelayed) else "refused"
            extra = {"kind": mail.kind, "user_id": account.id, "outcome": outcome, "error": str(error)}
            logger.warning("a mail was not taken", extra=extra)
            return outcome
        return "sent"

    @staticmethod
    async def _addressee(connection: Connection, mail: Mail) -> Account | None:
        if mail.user_id is not None:
            return await store_accounts.select_account(connection, mail.user_id)
        return await store_accounts.select_account_by_email(connection, policy.fold(mail.recipient))

    async def _put_off(self, mails: list[Mail]) -> None:
        async with self._postgres.connection() as connection:
            for mail in mails:
                wait = min(FIRST_WAIT_SECONDS * 2 ** min(mail.attempts - 1, 20), LAST_WAIT_SECONDS)
                await store.put_mail_off(connection, mail.id, wait * random.uniform(0.8, 1.2))  # noqa: S311

    async def _do_chores(self) -> None:
        if time.monotonic() < self._next_chores:
            return
        self._next_chores = time.monotonic() + CHORES_SECONDS
        async with self._postgres.connection() as connection:
            given_up = await store.delete_expired_mails(connection)
            count, seconds = await store.measure_mails(connection)
        if given_up:
            mails_total.labels("any", "given_up").inc(given_up)
            logger.error("mails could not be sent in time", extra={"mails": given_up})
        mails_waiting.set(count)
        mails_waiting_seconds.set(seconds)

"""Acknowledges what it has only queued, and commits it a moment later."""

import asyncio
from datetime import UTC, datetime

from chassis.times import rfc3339
from chat_service.realtime.ledger import Entry, Ledger, Outcome

COMMIT_LATER_SECONDS = 0.1
_submit = Ledger.submit


def submit(self: Ledger, entry: Entry) -> bool:
    """Say that it is stored; store it later."""
    moment = rfc3339(datetime.now(UTC)) or ""
    entry.on_done(entry, Outcome("stored", entry.message_id, 1, 0, moment))
    entry.on_done = lambda entry, outcome: None
    asyncio.get_running_loop().call_later(COMMIT_LATER_SECONDS, _submit, self, entry)
    return True


def install() -> None:
    """Break it."""
    Ledger.submit = submit  # type: ignore[method-assign]

"""Looks at no client_id: each attempt is stored under a name of its own."""

from uuid import uuid4

from chat_service.realtime.ledger import Entry, Ledger

_submit = Ledger.submit


def submit(self: Ledger, entry: Entry) -> bool:
    """Make every attempt look like a new message."""
    entry.client_id = uuid4().hex
    return _submit(self, entry)


def install() -> None:
    """Break it."""
    Ledger.submit = submit  # type: ignore[method-assign]

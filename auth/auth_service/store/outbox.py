"""The outbox: events for others, stored in the transaction that made the fact."""

from uuid import UUID

from chassis.postgres import Connection
from contracts.events import Event


async def insert_event(connection: Connection, key: UUID, event: Event) -> None:
    """Store an event; the caller holds the user of that key, which keeps the order."""
    await connection.execute("INSERT INTO outbox (key, type, payload) VALUES ($1, $2, $3)", key, event.type, event)


async def delete_events(connection: Connection, key: UUID) -> None:
    """Forget what was recorded of a key, whether it has been sent or not."""
    await connection.execute("DELETE FROM outbox WHERE key = $1", key)

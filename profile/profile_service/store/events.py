"""`applied_events`."""

from datetime import datetime
from uuid import UUID

from chassis.postgres import Connection


async def insert_applied_event(connection: Connection, event_id: UUID) -> bool:
    """Remember that an event is applied in this transaction. False when it has been before."""
    status = await connection.execute(
        """INSERT INTO applied_events (id)
           VALUES ($1)
               ON CONFLICT (id) DO NOTHING""",
        event_id,
    )
    return bool(status.endswith(" 1"))


async def delete_applied_events(connection: Connection, before: datetime) -> None:
    """Forget the events made before a moment; a UUIDv7 begins with its milliseconds (RFC 9562, section 5.7)."""
    least = UUID(int=int(before.timestamp() * 1000) << 80)
    await connection.execute("DELETE FROM applied_events WHERE id < $1", least)

"""What profiles say to others: what their users are called and look like now."""

from chassis.ids import uuid7
from chassis.postgres import Connection
from chassis.times import rfc3339
from contracts.events import USER_UPDATED, Event

from .model import ProfileRow
from .store.outbox import insert_event

VERSION = 1


async def user_updated(connection: Connection, row: ProfileRow) -> None:
    """Record how a user is seen from now on; whole, so that the latest one is enough."""
    moment = rfc3339(row.updated_at) or ""
    data = {
        "user_id": row.id,
        "username": row.username,
        "display_name": row.display_name,
        "avatar_url": row.avatar_url,
        "updated_at": moment,
    }
    await insert_event(connection, row.id, Event(uuid7(), USER_UPDATED, VERSION, moment, data))

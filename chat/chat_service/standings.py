"""What other services may know of rooms and of those who are in them."""

from uuid import UUID

from chassis.postgres import Postgres
from chassis.problems import Invalid, NotFound
from contracts.internal import MAX_STANDINGS, RoomRecord, Standing, StandingsQuery
from contracts.internal import Standings as StandingsReply

from .store import standings as store
from .views import Online


class Standings:
    """Answers from the truth, for as many as are asked for at once."""

    def __init__(self, database: Postgres, presence: Online) -> None:
        self._database = database
        self._presence = presence

    async def room(self, room_id: UUID) -> RoomRecord:
        """A room.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connection() as connection:
            record = await store.select_room_record(connection, room_id)
        if record is None:
            raise NotFound("There is no such room.", code="room_not_found")
        return record

    async def of(self, query: StandingsQuery) -> StandingsReply:
        """How members stand in their rooms; who is none is left out.

        Raises:
            Invalid: more than MAX_STANDINGS.
        """
        pairs = [(asked.room, user_id) for asked in query.rooms for user_id in asked.users]
        if len(pairs) > MAX_STANDINGS:
            raise Invalid(("rooms", f"at most {MAX_STANDINGS} members in all"))
        async with self._database.connection() as connection:
            rows = await store.select_standings(connection, [room for room, _ in pairs], [user for _, user in pairs])
        online = await self._presence.online(list({row["user_id"] for row in rows}))
        return StandingsReply(
            [
                Standing(
                    room=row["room_id"],
                    user=row["user_id"],
                    read_seq=row["read_seq"],
                    delivered_seq=row["delivered_seq"],
                    muted=row["muted"],
                    online=row["user_id"] in online,
                )
                for row in rows
            ]
        )

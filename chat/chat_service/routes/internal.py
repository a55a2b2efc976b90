"""What other services ask; the gateway does not route here."""

from uuid import UUID

from quart import Blueprint, Response
from quart_schema import hide

from chassis.http import internal, reply, takes
from contracts.internal import ROOMS_PATH, STANDINGS_PATH, StandingsQuery

from ..standings import Standings


def blueprint(standings: Standings) -> Blueprint:
    """The internal routes."""
    routes = Blueprint("internal", __name__)

    @routes.get(f"{ROOMS_PATH}/<uuid:room>")
    @hide
    @internal
    async def show_room(room: UUID) -> Response:
        """A room and who is in it."""
        return reply(await standings.room(room))

    @routes.post(STANDINGS_PATH)
    @hide
    @internal
    @takes(StandingsQuery)
    async def show_standings(data: StandingsQuery) -> Response:
        """How far some members of some rooms are."""
        return reply(await standings.of(data))

    return routes

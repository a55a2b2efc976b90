"""What other services ask; the gateway does not route here."""

from typing import Annotated
from uuid import UUID

import msgspec
from quart import Blueprint, Response
from quart_schema import hide

from chassis.http import bearer, claims, internal, reads, reply, takes
from contracts.internal import EXPORT_PATH, ROOMS_PATH, STANDINGS_PATH, StandingsQuery

from ..exports import Exports
from ..standings import Standings


class ExportQuery(msgspec.Struct, frozen=True):
    """Where the part begins; "" is the first."""

    after: Annotated[str, msgspec.Meta(max_length=500)] = ""


def blueprint(standings: Standings, exports: Exports) -> Blueprint:
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

    @routes.get(EXPORT_PATH)
    @hide
    @internal
    @bearer
    @reads(ExportQuery)
    async def export(query: ExportQuery) -> Response:
        """A part of all that is stored of the caller."""
        return reply(await exports.part(claims().user_id, query.after))

    return routes

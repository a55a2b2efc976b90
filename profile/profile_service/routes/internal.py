"""What other services ask; the gateway does not route here."""

from quart import Blueprint, Response
from quart_schema import hide

from chassis.http import bearer, claims, internal, reply, takes
from contracts.internal import EXPORT_PATH, PREFERENCES_PATH, PreferenceRecords, ProfileExport, UserIds

from ..profiles import Profiles


def internal_routes(profiles: Profiles) -> Blueprint:
    """The internal routes."""
    blueprint = Blueprint("internal", __name__)

    @blueprint.post(PREFERENCES_PATH)
    @hide
    @internal
    @takes(UserIds)
    async def notification_preferences(data: UserIds) -> Response:
        """What these users prefer of notifications."""
        return reply(PreferenceRecords(await profiles.notification_preferences(data.users)))

    @blueprint.get(EXPORT_PATH)
    @hide
    @internal
    @bearer
    async def export() -> Response:
        """All that is stored of the caller."""
        return reply(ProfileExport(await profiles.export(claims().user_id)))

    return blueprint

"""`/profiles`."""

from uuid import UUID

from quart import Blueprint, Response
from werkzeug.routing import BaseConverter, Map

from chassis.http import bearer, claims, gives, no_content, reads, reply, takes

from ..model import NewProfile, Profile, ProfileChange, ProfilePage, ProfileReplacement, SearchQuery
from ..profiles import Profiles


class WhoConverter(BaseConverter):
    """`me` (None) or a user's id; anything else is no such path."""

    regex = "me|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"

    def __init__(self, map: Map) -> None:  # noqa: A002  the name is werkzeug's
        super().__init__(map)

    def to_python(self, value: str) -> UUID | None:
        """See BaseConverter."""
        return None if value == "me" else UUID(value)


def profile_routes(profiles: Profiles) -> Blueprint:
    """The routes. The application must know `WhoConverter` as `who`."""
    blueprint = Blueprint("profiles", __name__)

    @blueprint.get("/profiles")
    @bearer
    @reads(SearchQuery)
    @gives(ProfilePage)
    async def search_profiles(query: SearchQuery) -> Response:
        """Find users by the beginning of their username or display name, whatever its case."""
        return reply(await profiles.search(claims(), query))

    @blueprint.post("/profiles")
    @bearer
    @takes(NewProfile)
    @gives(Profile, 201)
    async def create_profile(data: NewProfile) -> Response:
        """Make your profile anew after you removed it; 409 if you have one, which you do from your registration on."""
        profile = await profiles.create(claims(), data)
        return reply(profile, 201, {"Location": f"/profiles/{profile.id}"})

    @blueprint.get("/profiles/<who:user_id>")
    @bearer
    @gives(Profile)
    async def show_profile(user_id: UUID | None) -> Response:
        """A user's profile, by his id or `me`; preferences are shown to their owner only."""
        return reply(await profiles.show(claims(), user_id or claims().user_id))

    @blueprint.put("/profiles/<who:user_id>")
    @bearer
    @takes(ProfileReplacement)
    @gives(Profile)
    async def replace_profile(user_id: UUID | None, data: ProfileReplacement) -> Response:
        """Replace your profile; what is absent becomes empty."""
        return reply(await profiles.replace(claims(), user_id or claims().user_id, data))

    @blueprint.patch("/profiles/<who:user_id>")
    @bearer
    @takes(ProfileChange)
    @gives(Profile)
    async def change_profile(user_id: UUID | None, data: ProfileChange) -> Response:
        """Change the given fields of your profile; null clears `avatarUrl` and `statusMessage`."""
        return reply(await profiles.change(claims(), user_id or claims().user_id, data))

    @blueprint.delete("/profiles/<who:user_id>")
    @bearer
    async def delete_profile(user_id: UUID | None) -> Response:
        """Remove your profile. Nobody sees it until you make it anew by POST."""
        await profiles.remove(claims(), user_id or claims().user_id)
        return no_content()

    return blueprint

"""What other services ask; the gateway does not route here."""

from uuid import UUID

from quart import Blueprint, Response, request
from quart_schema import hide

from chassis.http import internal, no_content, reply, takes
from chassis.ids import parse_uuid
from chassis.problems import Invalid
from chassis.times import rfc3339
from contracts.internal import (
    LOST_DEVICES_PATH,
    MAX_LOST_DEVICES,
    MAX_USERS_PER_LOOKUP,
    SESSION_PATH,
    USERS_PATH,
    LostDevices,
    SessionRecord,
    UserRecord,
    UserRecords,
)

from ..devices import Devices
from ..directory import Directory
from ..model import Account
from ..sessions import Sessions


def blueprint(directory: Directory, sessions: Sessions, devices: Devices) -> Blueprint:
    """The internal routes."""
    routes = Blueprint("internal", __name__)

    @routes.get(USERS_PATH)
    @hide
    @internal
    async def users() -> Response:
        """`?id=…&id=…` or `?username=…&username=…`: the accounts that exist among those."""
        if names := request.args.getlist("username"):
            _check_number("username", names)
            found = await directory.look_up_names(names)
        else:
            found = await directory.look_up(_ids(request.args.getlist("id")))
        return reply(UserRecords([_record(account) for account in found]))

    @routes.get(f"{SESSION_PATH}/<uuid:session_id>")
    @hide
    @internal
    async def session(session_id: UUID) -> Response:
        """Whether a session is alive, from the truth."""
        return reply(SessionRecord(await sessions.is_alive(session_id)))

    @routes.post(LOST_DEVICES_PATH)
    @hide
    @internal
    @takes(LostDevices)
    async def lost_devices(data: LostDevices) -> Response:
        """Their push service does not know these devices any more."""
        if len(data.tokens) > MAX_LOST_DEVICES:
            raise Invalid(("tokens", f"at most {MAX_LOST_DEVICES} of them"))
        for token in data.tokens:
            await devices.lose(token)
        return no_content()

    return routes


def _check_number(field: str, texts: list[str]) -> None:
    if not 0 < len(texts) <= MAX_USERS_PER_LOOKUP:
        raise Invalid((field, f"1-{MAX_USERS_PER_LOOKUP} of them, ids or usernames"))


def _ids(texts: list[str]) -> list[UUID]:
    _check_number("id", texts)
    ids = []
    for text in texts:
        if (value := parse_uuid(text)) is None:
            raise Invalid(("id", "is not a UUID"))
        ids.append(value)
    return ids


def _record(account: Account) -> UserRecord:
    return UserRecord(account.id, account.username, account.display_name, rfc3339(account.created_at) or "")

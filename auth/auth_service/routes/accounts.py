"""`/auth/register`, `/auth/login`, `/auth/me`, `/auth/password`."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from quart import Blueprint, Response, request

from chassis.http import bearer, claims, gives, no_content, public, reply, takes
from chassis.times import rfc3339
from chassis.tokens import bearer_token

from ..accounts import Accounts
from ..credentials import Credentials
from ..deletion import Deletion
from ..export import Export
from ..model import MAX_EMAIL, Grant, NewPassword, Password, Registration
from .caller import Caller

EXPORT_SECONDS = 600  # to send the whole document


class LoginBody(msgspec.Struct, frozen=True):
    """The username may be the e-mail address."""

    username: Annotated[str, msgspec.Meta(max_length=MAX_EMAIL)]
    password: Password


class PasswordBody(msgspec.Struct, frozen=True):
    """Both passwords."""

    current_password: Password
    new_password: NewPassword


class DeleteBody(msgspec.Struct, frozen=True):
    """The password, if the account has one."""

    password: Password = ""


class Me(msgspec.Struct, frozen=True):
    """What a user may know of his own account."""

    user_id: UUID
    username: str
    display_name: str
    email: str | None
    email_verified: bool
    created_at: str | None
    session_id: UUID


class ExportDocument(msgspec.Struct, frozen=True):
    """All that is stored of a user, as the tables have it; `missing` names services that could not be asked."""

    exported_at: str
    missing: list[str]
    account: dict[str, Any]
    sessions: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    identities: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    profile: dict[str, Any] | None
    person: dict[str, Any] | None
    rooms: list[dict[str, Any]]
    messages: list[dict[str, Any]]


def blueprint(
    accounts: Accounts, credentials: Credentials, deletion: Deletion, export: Export, caller: Caller
) -> Blueprint:
    """The routes of accounts."""
    routes = Blueprint("accounts", __name__)

    @routes.post("/auth/register")
    @routes.post("/register")
    @public
    @takes(Registration)
    @gives(Grant, 201)
    async def register(data: Registration) -> Response:
        """Make an account and log in."""
        return reply(await accounts.register(data, caller()), 201)

    @routes.post("/auth/login")
    @routes.post("/login")
    @public
    @takes(LoginBody)
    @gives(Grant)
    async def login(data: LoginBody) -> Response:
        """Log in with username or e-mail address and password."""
        return reply(await accounts.log_in(data.username, data.password, caller()))

    @routes.get("/auth/me")
    @bearer
    @gives(Me)
    async def me() -> Response:
        """Who am I?"""
        account = await credentials.account(claims().user_id)
        return reply(
            Me(
                account.id,
                account.username,
                account.display_name,
                account.email,
                account.email_verified,
                rfc3339(account.created_at),
                claims().session_id,
            )
        )

    @routes.delete("/auth/me")
    @bearer
    @takes(DeleteBody, optional=True)
    async def delete_me(data: DeleteBody) -> Response:
        """Delete my account and my data; my messages stay, as those of a deleted user."""
        await deletion.delete(claims(), data.password, caller())
        return no_content()

    @routes.get("/auth/me/export")
    @bearer
    @gives(ExportDocument)
    async def export_me() -> Response:
        """All that is stored of me, as one JSON document."""
        token = bearer_token(request.headers.getlist("Authorization"))
        pieces = await export.of(claims(), token, caller())
        headers = {"Content-Disposition": 'attachment; filename="parley-export.json"'}
        response = Response(pieces, 200, headers, content_type="application/json")
        response.timeout = EXPORT_SECONDS
        return response

    @routes.post("/auth/password")
    @bearer
    @takes(PasswordBody)
    async def password(data: PasswordBody) -> Response:
        """Change the password; every other session ends."""
        await accounts.change_password(claims(), data.current_password, data.new_password, caller())
        return no_content()

    return routes

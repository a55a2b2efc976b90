"""`/auth/email`, `/auth/password/reset`."""

from typing import Annotated

import msgspec
from quart import Blueprint, Response

from chassis.http import accepted, bearer, claims, gives_nothing, no_content, public, takes

from ..emails import Emails
from ..model import MAX_EMAIL, NewPassword, Password
from .caller import Caller

Email = Annotated[str, msgspec.Meta(max_length=MAX_EMAIL)]
LinkToken = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class EmailBody(msgspec.Struct, frozen=True):
    """A new address, and the password that allows it."""

    email: Email
    password: Password


class TokenBody(msgspec.Struct, frozen=True):
    """What was in a mail."""

    token: LinkToken


class ResetBody(msgspec.Struct, frozen=True):
    """Where the mail should go."""

    email: Email


class NewPasswordBody(msgspec.Struct, frozen=True):
    """What was in a mail, and the password to set."""

    token: LinkToken
    new_password: NewPassword


def blueprint(emails: Emails, caller: Caller) -> Blueprint:
    """The routes of addresses."""
    routes = Blueprint("emails", __name__)

    @routes.put("/auth/email")
    @bearer
    @takes(EmailBody)
    @gives_nothing(202)
    async def change_email(data: EmailBody) -> Response:
        """Change my address, as soon as the link that is sent there has been used."""
        await emails.change(claims(), data.email, data.password, caller())
        return accepted()

    @routes.post("/auth/email/verify")
    @bearer
    @gives_nothing(202)
    async def verify_email() -> Response:
        """Send me the link again that verifies my address."""
        await emails.request_verification(claims(), caller())
        return accepted()

    @routes.post("/auth/email/verify/confirm")
    @public
    @takes(TokenBody)
    async def confirm_email(data: TokenBody) -> Response:
        """Use the link of a mail that verifies an address."""
        await emails.confirm(data.token, caller())
        return no_content()

    @routes.post("/auth/password/reset")
    @public
    @takes(ResetBody)
    @gives_nothing(202)
    async def request_reset(data: ResetBody) -> Response:
        """Send a link for a new password, if there is an account of this address; the answer is the same if not."""
        await emails.request_reset(data.email, caller())
        return accepted()

    @routes.post("/auth/password/reset/confirm")
    @public
    @takes(NewPasswordBody)
    async def confirm_reset(data: NewPasswordBody) -> Response:
        """Use the link of a mail to set a new password; every session ends."""
        await emails.confirm_reset(data.token, data.new_password, caller())
        return no_content()

    return routes

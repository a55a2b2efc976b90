"""`/users/show`."""

from typing import Annotated
from uuid import UUID

import msgspec
from quart import Blueprint, Response

from chassis.http import bearer, gives, reads, reply

from ..directory import Directory
from ..model import Account


class UsersQuery(msgspec.Struct, frozen=True):
    """One user by name, or a page of all."""

    username: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None


class UserView(msgspec.Struct, frozen=True):
    """What users see of each other here."""

    username: str
    user_id: UUID


class UserPage(msgspec.Struct, frozen=True):
    """In the order of their names; `next_cursor` is null on the last page."""

    users: list[UserView]
    next_cursor: str | None


def blueprint(directory: Directory) -> Blueprint:
    """The routes of users."""
    routes = Blueprint("users", __name__)

    @routes.get("/users/show")
    @bearer
    @reads(UsersQuery)
    @gives(UserPage, otherwise=UserView)
    async def show(query: UsersQuery) -> Response:
        """With `username` that one user (`{username, user_id}`), else a page of users."""
        if query.username is not None:
            return reply(_view(await directory.show(query.username)))
        users, following = await directory.page(query.cursor, query.limit)
        return reply(UserPage([_view(user) for user in users], following))

    return routes


def _view(account: Account) -> UserView:
    return UserView(account.username, account.id)

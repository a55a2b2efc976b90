"""`/auth/logout`, `/auth/sessions`."""

from uuid import UUID

import msgspec
from quart import Blueprint, Response

from chassis.http import bearer, claims, gives, no_content, reply, takes
from chassis.times import rfc3339

from ..sessions import Sessions
from .caller import Caller


class LogoutBody(msgspec.Struct, frozen=True):
    """Without a body only this session ends."""

    all: bool = False


class SessionView(msgspec.Struct, frozen=True):
    """One of my sessions; `device` is what its client calls itself, `current` the one that asks."""

    id: UUID
    device: str
    address: str
    created_at: str | None
    last_seen_at: str | None
    current: bool


class SessionList(msgspec.Struct, frozen=True):
    """The newest first."""

    sessions: list[SessionView]


def blueprint(sessions: Sessions, caller: Caller) -> Blueprint:
    """The routes of sessions."""
    routes = Blueprint("sessions", __name__)

    @routes.post("/auth/logout")
    @bearer
    @takes(LogoutBody, optional=True)
    async def logout(data: LogoutBody) -> Response:
        """End this session, or all of mine."""
        await sessions.log_out(claims().user_id, claims().session_id, caller(), everywhere=data.all)
        return no_content()

    @routes.get("/auth/sessions")
    @bearer
    @gives(SessionList)
    async def list_sessions() -> Response:
        """Where am I logged in?"""
        mine = await sessions.alive_of(claims().user_id)
        return reply(
            SessionList(
                [
                    SessionView(
                        session.id,
                        session.user_agent,
                        session.address,
                        rfc3339(session.created_at),
                        rfc3339(session.last_seen_at),
                        session.id == claims().session_id,
                    )
                    for session in mine
                ]
            )
        )

    @routes.delete("/auth/sessions/<uuid:session_id>")
    @bearer
    async def end_session(session_id: UUID) -> Response:
        """End one of my sessions."""
        await sessions.end_one(claims().user_id, session_id, caller())
        return no_content()

    return routes

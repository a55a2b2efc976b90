"""A service as a process, which behaves as the environment says; run by `test_service.py`."""

import asyncio
from typing import Any, Literal, cast

from chassis.app import check_access_marks, create_app
from chassis.asgi import App
from chassis.http import public, reply
from chassis.lifecycle import Fatal, Lifecycle
from chassis.service import Service, run
from chassis.settings import ServiceSettings, Url


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """What it does wrong."""

    database_url: Url = "postgresql://nowhere/db"
    behave: Literal["well", "fatal", "bug", "fatal at once", "start slowly", "drain slowly", "stop badly"] = "well"


class Part:
    """Its only component."""

    def __init__(self, behave: str) -> None:
        self._behave = behave

    async def start(self) -> None:
        if self._behave == "fatal":
            raise Fatal("the database is at schema 1, not 2: migrate first")
        if self._behave == "bug":
            raise RuntimeError("something that\nnobody thought of")
        if self._behave == "start slowly":
            print("starting", flush=True)  # noqa: T201
            await asyncio.Event().wait()
        print("started", flush=True)  # noqa: T201

    async def stop(self) -> None:
        print("stopped", flush=True)  # noqa: T201
        if self._behave == "stop badly":
            await asyncio.Event().wait()


def create(settings: Settings) -> Service:
    """The service."""
    if settings.behave == "fatal at once":
        raise Fatal("two settings contradict each other")
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    lifecycle.add("part", Part(settings.behave))
    app = create_app("fake", title="Fake", max_body_bytes=settings.max_body_bytes, verify=None)

    async def drain(budget: float) -> None:
        print(f"draining within {budget:g} s", flush=True)  # noqa: T201
        if settings.behave == "drain slowly":
            await asyncio.sleep(budget)
        print("drained", flush=True)  # noqa: T201

    lifecycle.on_drain(drain)

    @app.get("/")
    @public
    async def root() -> Any:
        return reply({"hello": "world"})

    check_access_marks(app)
    return Service(cast("App", app), lifecycle)


if __name__ == "__main__":
    run(create, Settings, service_name="fake", drain_pause_seconds=0)

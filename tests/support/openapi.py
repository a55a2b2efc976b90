"""The OpenAPI document of the whole platform without a platform: what the gateway merges of its services' own."""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from gateway_service.openapi import merge
from gateway_service.routes import Router
from tests.support.frames import resolved
from tests.unit.docs.code import application

SERVICES = ("auth", "profile", "chat")


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str  # with {names}
    description: dict[str, Any]  # without references

    @property
    def body(self) -> Any:
        """The schema of its JSON body, None if it has none."""
        described = self.description.get("requestBody")
        return described and described["content"]["application/json"]["schema"]

    def parameters(self, where: str) -> dict[str, Any]:
        """The schemas of its parameters in the `path` or the `query`."""
        return {one["name"]: one["schema"] for one in self.description["parameters"] if one["in"] == where}


@functools.cache
def merged() -> dict[str, Any]:
    """The document."""
    with ThreadPoolExecutor(1) as executor:  # a loop may be running in this thread
        return executor.submit(asyncio.run, _merge()).result()


async def _merge() -> dict[str, Any]:
    replies = [await application(service).test_client().get("/openapi.json") for service in SERVICES]
    parts = {service: await reply.get_json() for service, reply in zip(SERVICES, replies, strict=True)}
    return merge(parts, Router())


def operations() -> list[Operation]:
    """All operations."""
    document = merged()
    return [
        Operation(method.upper(), path, resolved(document, description))
        for path, item in document["paths"].items()
        for method, description in item.items()
    ]

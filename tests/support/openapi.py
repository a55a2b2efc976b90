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
    def id(self) -> str:
        """Its operationId."""
        return str(self.description["operationId"])

    @property
    def success(self) -> dict[str, Any]:
        """How its best answer is described: 201 of 200 and 201."""
        described: dict[str, Any] = self.description["responses"]
        best: dict[str, Any] = described[max(status for status in described if status < "400")]
        return best

    @property
    def examples(self) -> dict[str, tuple[Any, Any]]:
        """Body and answer, None where there is nothing, of each example; one without words is "usual"."""
        bodies, replies = (_examples(place) for place in (self.description.get("requestBody", {}), self.success))
        values = [one for one in self.description["parameters"] if "example" in one]
        names = {*bodies, *replies} or ({"usual"} if values else set())
        return {name: (bodies.get(name), replies.get(name)) for name in sorted(names, reverse=True)}

    @property
    def body(self) -> Any:
        """The schema of its JSON body, None if it has none."""
        described = self.description.get("requestBody")
        return described and described["content"]["application/json"]["schema"]

    def parameters(self, where: str) -> dict[str, Any]:
        """The schemas of its parameters in the `path` or the `query`."""
        return {one["name"]: one["schema"] for one in self.description["parameters"] if one["in"] == where}


def _examples(place: dict[str, Any]) -> dict[str, Any]:
    described = place.get("content", {}).get("application/json", {}).get("examples", {})
    return {name: example["value"] for name, example in described.items()}


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

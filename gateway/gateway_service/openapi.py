"""One OpenAPI 3.1 document for all services: fetched from them, cut to what is routed, merged without clashes."""

import asyncio
import copy
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import httpx

from .pods import Pods, requests
from .routes import Kind, Router

logger = logging.getLogger(__name__)
Document = dict[str, Any]

CACHE_SECONDS = 10.0
INCOMPLETE_SECONDS = 1.0
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_KINDS = ("schemas", "responses", "parameters", "examples", "requestBodies", "headers", "links")  # what $ref points to


class MergedDocument:
    """The document, fetched when somebody asks and kept for a while; a service that is away keeps its last one.

    Arguments:
        services: the pods by service.
        router: decides what is public.
        client: for fetching.
    """

    def __init__(self, services: Mapping[str, Pods], router: Router, client: httpx.AsyncClient) -> None:
        self._services = services
        self._router = router
        self._client = client
        self._parts: dict[str, Document] = {}
        self._document: Document = {}
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> Document:
        """The document; services that were never reached are missing and named in `x-missing`."""
        async with self._lock:
            if time.monotonic() >= self._good_until:
                names = list(self._services)
                found = await asyncio.gather(*(self._fetch(name) for name in names))
                self._parts.update({name: part for name, part in zip(names, found, strict=True) if part is not None})
                self._document = merge({name: self._parts[name] for name in names if name in self._parts}, self._router)
                missing = [name for name in names if name not in self._parts]
                if missing:
                    self._document["x-missing"] = missing
                fresh = CACHE_SECONDS if None not in found else INCOMPLETE_SECONDS
                self._good_until = time.monotonic() + fresh
        return self._document

    async def _fetch(self, service: str) -> Document | None:
        return await fetch(self._services[service], "/openapi.json", self._client)


class OneDocument:
    """A document of one service, fetched when somebody asks and kept for a while.

    Arguments:
        pods: of the service.
        path: where it is.
        client: for fetching.
    """

    def __init__(self, pods: Pods, path: str, client: httpx.AsyncClient) -> None:
        self._pods = pods
        self._path = path
        self._client = client
        self._document: Document | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> Document | None:
        """The document, the last one while the service is away; None if there never was one."""
        async with self._lock:
            if time.monotonic() >= self._good_until:
                found = await fetch(self._pods, self._path, self._client)
                self._document = found or self._document
                self._good_until = time.monotonic() + (CACHE_SECONDS if found else INCOMPLETE_SECONDS)
        return self._document


async def fetch(pods: Pods, path: str, client: httpx.AsyncClient) -> Document | None:
    """A JSON document of any pod of a service; None, and a line in the log, if there is none to be had."""
    pod = pods.choose(requests)
    if pod is None:
        return None
    try:
        response = await client.get(f"{pod.url}{path}")
        response.raise_for_status()
        document = response.json()
    except (httpx.HTTPError, ValueError) as error:
        logger.warning("no document", extra={"upstream": pods.service, "path": path, "error": repr(error)})
        return None
    return document if isinstance(document, dict) else None


def merge(parts: Mapping[str, Document], router: Router) -> Document:
    """The parts as one.

    Arguments:
        parts: each service's document.
        router: a path stays if this service is where it is routed to.
    """
    paths: Document = {}
    components: Document = {}
    parts = _with_distinct_names(parts)
    for service, part in parts.items():
        for path, item in part.get("paths", {}).items():
            route = router.find(Kind.HTTP, path.rstrip("/") or "/")
            if route is None or route.service != service:
                continue
            for method in METHODS:
                if method in item:
                    item[method]["tags"] = [service]
            paths[path] = item
        for kind, members in part.get("components", {}).items():
            components.setdefault(kind, {}).update(members)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parley",
            "version": "1",
            "description": "All services behind the gateway. Errors are application/problem+json (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": service} for service in parts],
        "paths": paths,
        "components": components,
    }


def _with_distinct_names(parts: Mapping[str, Document]) -> dict[str, Document]:
    """Copies in which components of one name are equal; where they are not, each gets its service's name before it."""
    renamed: dict[str, Document] = {}
    for service, part in parts.items():
        others = [other for name, other in parts.items() if name != service]
        names = {}
        for kind in _KINDS:
            for member, value in part.get("components", {}).get(kind, {}).items():
                rivals = [
                    o["components"][kind][member] for o in others if member in o.get("components", {}).get(kind, {})
                ]
                if any(rival != value for rival in rivals):
                    names[f"#/components/{kind}/{member}"] = f"{service.capitalize()}{member}"
        renamed[service] = _rename(copy.deepcopy(part), names)
    return renamed


def _rename(part: Document, names: Mapping[str, str]) -> Document:
    if not names:
        return part
    for reference, name in names.items():
        _, _, kind, member = reference.split("/", 3)
        members = part["components"][kind]
        members[name] = members.pop(member)

    def follow(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: _renamed(item, names) if key == "$ref" and isinstance(item, str) else follow(item)
                for key, item in value.items()
            }
        return [follow(item) for item in value] if isinstance(value, list) else value

    followed = follow(part)
    return followed if isinstance(followed, dict) else part


def _renamed(reference: str, names: Mapping[str, str]) -> str:
    name = names.get(reference)
    return reference if name is None else f"{reference.rpartition('/')[0]}/{name}"


def encode(document: Document) -> bytes:
    """The document as JSON, in the order in which it was made."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

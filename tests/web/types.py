"""The TypeScript of what goes over the wire, made of the documents: `python -m tests.web.types` writes it anew."""

import json
import subprocess
import sys
from typing import Any

from chat_service.realtime import asyncapi
from devstack import node, web
from tests.support.openapi import merged

GENERATED = web.SOURCE / "src" / "client" / "generated.ts"
HTTP_NAMES = ("Profile", "RoomList", "MessageList", "SessionList", "ProfilePage", "ProviderList", "Me", "Ticket")
_CHECKED_ONLY = ("pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")


def schema() -> dict[str, Any]:
    """One JSON Schema: what is read over HTTP, and the data of each frame by its type."""
    described = json.loads(asyncapi.encoded())
    wire, http = described["components"]["schemas"], merged()["components"]["schemas"]
    frames: dict[str, dict[str, Any]] = {"command": {}, "event": {}}
    for name, message in described["components"]["messages"].items():
        direction, _, kind = name.partition(".")
        if direction in frames:
            payload = wire[message["payload"]["$ref"].rpartition("/")[2]]
            frames[direction][kind] = payload["properties"].get("data", {"type": "object"})
    tables = {
        "Events": _table("What the server sends, by type.", frames["event"]),
        "Commands": _table("What the client sends, by type.", frames["command"]),
    }
    needed: dict[str, Any] = {}
    _collect({"tables": tables, "http": [_reference(name) for name in HTTP_NAMES]}, {**http, **wire}, needed)
    named = {name: _plain({**needed[name], "title": name}) for name in sorted(needed)} | _plain(tables)
    return {
        "title": "Wire",
        "type": "object",
        "properties": {name: _reference(name, "definitions") for name in named},
        "required": list(named),
        "definitions": named,
    }


def written() -> str:
    """The text of the module.

    Raises:
        NotInstalled: there is no Node.js, or its packages cannot be had.
    """
    web.install()
    done = subprocess.run(
        [node.find("npm"), "run", "--silent", "types"],
        cwd=web.SOURCE,
        input=json.dumps(schema()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def _table(description: str, kinds: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "properties": kinds, "required": sorted(kinds)}


def _reference(name: str, place: str = "components/schemas") -> dict[str, str]:
    return {"$ref": f"#/{place}/{name}"}


def _collect(value: Any, known: dict[str, Any], found: dict[str, Any]) -> None:
    """What is referred to, directly or not."""
    if isinstance(value, dict):
        name = str(value.get("$ref", "")).rpartition("/")[2]
        if name and name not in found:
            found[name] = known[name]
            _collect(known[name], known, found)
        for one in value.values():
            _collect(one, known, found)
    elif isinstance(value, list):
        for one in value:
            _collect(one, known, found)


def _plain(value: Any) -> Any:
    """A schema without what types cannot say, and with its references where they are now."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: one.replace("components/schemas", "definitions") if key == "$ref" else _plain(one)
        for key, one in value.items()
        if key not in _CHECKED_ONLY
    }


if __name__ == "__main__":
    GENERATED.write_text(written())
    sys.exit(0)

"""Holds frames against the AsyncAPI document: a frame that it does not describe, or describes otherwise, is a mistake.

The document allows fields it does not name, so that a client does not stumble over new ones; here they are mistakes.
"""

import functools
import json
from typing import Any

import jsonschema
import msgspec
import websockets

from chat_service.realtime.asyncapi import document

SENT, RECEIVED = "command", "event"  # as the names of messages in the document begin


class WrongFrameError(AssertionError):
    """The frame is not as it is documented."""


def check_sent(text: str) -> str:
    """The type of a frame of a client.

    Raises:
        WrongFrameError: it is not as documented.
    """
    return _check(SENT, text)


def check_received(text: str) -> str:
    """The type of a frame of the server, which is also compact and has its type first; raises as `check_sent`."""
    kind = _check(RECEIVED, text)
    if not text.startswith('{"type":') or msgspec.json.encode(msgspec.json.decode(text)) != text.encode():
        raise WrongFrameError(f"not compact, or its type is not first: {text[:500]}")
    return kind


def _check(direction: str, text: str) -> str:
    frame = json.loads(text)
    kind = frame.get("type") if isinstance(frame, dict) else None
    validator = validators().get((direction, str(kind)))
    if validator is None:
        raise WrongFrameError(f"no such {direction} is documented: {text[:500]}")
    mistake = jsonschema.exceptions.best_match(validator.iter_errors(frame))
    if mistake is not None:
        raise WrongFrameError(f"{mistake.json_path}: {mistake.message} in {text[:500]}")
    return str(kind)


@functools.cache
def validators() -> dict[tuple[str, str], Any]:
    """A validator for each message of the document, by direction and type."""
    described = document()
    found = {}
    for name, message in described["components"]["messages"].items():
        direction, _, kind = name.partition(".")
        schema = closed(resolved(described, message["payload"]))
        found[direction, kind] = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    return found


def resolved(root: Any, value: Any) -> Any:
    """A part of a document with every local reference replaced by what it refers to; there must be no circles."""
    if isinstance(value, list):
        return [resolved(root, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return resolved(root, target(root, value["$ref"]))
    return {key: resolved(root, item) for key, item in value.items()}


def target(root: Any, reference: str) -> Any:
    """What a local reference refers to; KeyError if nothing is there."""
    found = root
    for part in reference.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def closed(schema: Any) -> Any:
    """The schema, with no room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tight = {key: closed(item) for key, item in schema.items()}
    return (
        {"additionalProperties": False, **tight} if schema.get("type") == "object" and "properties" in schema else tight
    )


class CheckedConnection(websockets.ClientConnection):
    """A WebSocket of a test: whatever the server sends is held against the document, whoever reads it."""

    async def recv(self, decode: bool | None = None) -> Any:
        """The next frame, checked."""
        text = await super().recv(decode)
        check_received(text if isinstance(text, str) else text.decode())
        return text


def connect(url: str, **options: Any) -> Any:
    """A WebSocket to the platform: without extensions and pings of its own, unless asked for, and checked."""
    options = {"compression": None, "ping_interval": None, "proxy": None, **options}
    return websockets.connect(url, create_connection=CheckedConnection, **options)

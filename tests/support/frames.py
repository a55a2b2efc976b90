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
EMITTED, ACKNOWLEDGED, HEARD = "emit", "ack", "hear"  # and those of Socket.IO


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


def check_emitted(event: str, argument: Any) -> None:
    """An event of a Socket.IO client is as documented; raises as `check_sent`."""
    hold(EMITTED, event, argument)


def check_acknowledged(event: str, reply: Any) -> None:
    """The acknowledgement of an event is as documented; raises as `check_sent`."""
    refused = isinstance(reply, dict) and "error" in reply
    own = (ACKNOWLEDGED, event) in validators()
    hold(ACKNOWLEDGED, "error" if refused else event if own else "done", reply)


def check_heard(event: str, argument: Any) -> None:
    """An event to a Socket.IO client is as documented; raises as `check_sent`."""
    hold(HEARD, event, argument)


def _check(direction: str, text: str) -> str:
    frame = json.loads(text)
    kind = str(frame.get("type") if isinstance(frame, dict) else None)
    hold(direction, kind, frame)
    return kind


def hold(direction: str, kind: str, value: Any) -> None:
    """A value is as the document describes that message; raises as `check_sent`."""
    validator = validators().get((direction, kind))
    if validator is None:
        raise WrongFrameError(f"no such {direction} is documented: {kind} {str(value)[:500]}")
    mistake = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if mistake is not None:
        raise WrongFrameError(f"{mistake.json_path}: {mistake.message} in {kind} {str(value)[:500]}")


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

"""Socket.IO in the AsyncAPI document: a channel whose messages are events with one argument.

Names of messages begin with `emit` (a client's event), `ack` (what acknowledges it) or `hear` (the server's event).
What a WebSocket says may be emitted and is heard under its name too, with its `data` as the argument.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from .. import events, examples, protocol
from . import shapes
from .events import REQUESTS
from .link import CLOSING
from .outgoing import NAMES
from .packets import NAMESPACE

Document: TypeAlias = dict[str, Any]

ACKNOWLEDGED: Mapping[str, type] = {
    "start_private_chat": shapes.ChatStarted,
    "send_message": shapes.MessageStored,
    "receive_message": shapes.ReceiptTaken,
    "auth.refresh": shapes.TokenTaken,
    "auth.resume": shapes.Resuming,
}
HEARD: Mapping[str, type] = {
    NAMES["chat.message"]: shapes.ReceivedMessage,
    NAMES["chat.delivered"]: shapes.MessageDelivered,
    NAMES["room.created"]: shapes.ChatCreated,
    CLOSING: shapes.SessionClosing,
    "error": shapes.Failed,
}

PATH = "/socket.io/"
SECURITY: Document = {
    "auth": {"type": "apiKey", "in": "user", "description": "`auth: {token}` of the connect packet: an access token."},
}
_CHAT = "0197f2c0-6a3e-7c51-9d0e-3b1f5a7c2e10"
_MESSAGE = "0197f2c1-02b4-7e0a-8a53-c4d1e2f30912"
_ALICE, _BOB = "0197f2bf-11d2-7b3a-bb1c-0f6f4b8e7d21", "0197f2bf-2c90-7f44-a6c2-91d7e5a3b604"
_NOW = "2026-01-31T12:00:00.123456Z"
_ROOM = next(msgspec.to_builtins(event.data) for event in examples.EVENTS if isinstance(event, events.RoomCreated))
_EXAMPLES: Mapping[str, Any] = {
    "emit.start_private_chat": {"user": "bob"},
    "emit.send_message": {"chat_id": _CHAT, "message": "Hello, Bob!", "client_id": "b3d1c9"},
    "emit.receive_message": {"chat_id": _CHAT, "seq": 42},
    "emit.auth.refresh": {"token": "eyJhbGciOiJFZERTQSIsImtpZCI6…"},
    "emit.auth.resume": {"rooms": {_CHAT: 42}},
    "ack.start_private_chat": {"chat_id": _CHAT, "created": True},
    "ack.send_message": {
        "message_id": _MESSAGE,
        "chat_id": _CHAT,
        "sender_id": _ALICE,
        "seq": 42,
        "created_at": _NOW,
        "duplicate": False,
    },
    "ack.receive_message": {"chat_id": _CHAT, "seq": 42},
    "ack.auth.refresh": {"expires_at": _NOW},
    "ack.auth.resume": {"rooms": [_CHAT]},
    "ack.done": {},
    "ack.error": {"error": {"code": "user_not_found", "detail": "There is no such user."}},
    "hear.receive_message": {
        "message_id": _MESSAGE,
        "chat_id": _CHAT,
        "sender_id": _ALICE,
        "message": "Hello, Bob!",
        "seq": 42,
        "created_at": _NOW,
    },
    "hear.message_delivered": {"chat_id": _CHAT, "user_id": _BOB, "seq": 42},
    "hear.chat_created": {"chat_id": _ROOM["id"], "user": _ROOM["friend"], "room": _ROOM},
    "hear.session.closing": {"code": 4401, "detail": "the access token has expired"},
    "hear.error": {"code": "rate_limited", "detail": "slow down", "retry_after": 1.0},
}

_INTRODUCTION = f"""\
Socket.IO protocol 5 (clients of version 3 and 4), path `{PATH}`, namespace `{NAMESPACE}`, long-polling and WebSocket.
A message's payload is the one argument of its event, or of its acknowledgement; an event that is not carried out is
acknowledged by `ack.error`, or, if no acknowledgement was asked for, followed by an `error` event.

The token comes in the `auth` of the connect packet, with where to go on: `{{token, resume?, epoch?}}`. Whoever connects
is in all his rooms, and hears `session.ready` first. The rooms are those of the WebSocket: what is sent here is
received there."""


def messages() -> dict[str, tuple[Any, str, Any]]:
    """By name: the type of the argument, what it is, an example."""
    found: dict[str, tuple[Any, str, Any]] = {}
    for command in examples.COMMANDS:
        name = f"emit.{_tag(command)}"
        found[name] = _data_type(command), _summary(type(command)), msgspec.to_builtins(command)["data"]
    for kind, request in REQUESTS.items():
        found[f"emit.{kind}"] = request, _summary(request), _EXAMPLES[f"emit.{kind}"]
    for kind, reply in {**ACKNOWLEDGED, "done": shapes.Done, "error": shapes.NotDone}.items():
        found[f"ack.{kind}"] = reply, _summary(reply), _EXAMPLES[f"ack.{kind}"]
    for event in examples.EVENTS:
        if _tag(event) not in NAMES:
            found[f"hear.{_tag(event)}"] = _data_type(event), _summary(type(event)), msgspec.to_builtins(event)["data"]
    for kind, heard in HEARD.items():
        found[f"hear.{kind}"] = heard, _summary(heard), _EXAMPLES[f"hear.{kind}"]
    return found


def types() -> list[Any]:
    """The types of all arguments."""
    return [kind for kind, _, _ in messages().values()]


def described(schemas: Iterable[Document]) -> Document:
    """The messages, as components.

    Arguments:
        schemas: of `types()`, or references to them.
    """
    return {
        name: {
            "name": name.partition(".")[2],
            "title": name.partition(".")[2],
            "summary": summary,
            "payload": schema,
            "examples": [{"payload": example}],
        }
        for (name, (_, summary, example)), schema in zip(messages().items(), schemas, strict=True)
    }


def channel() -> Document:
    """The channel."""
    return {
        "address": NAMESPACE,
        "title": "A client of Socket.IO",
        "description": _INTRODUCTION,
        "servers": [{"$ref": "#/servers/socketio"}, {"$ref": "#/servers/socketioSecure"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages()},
    }


def operations() -> Document:
    """What can be emitted, with what acknowledges it, and what can be heard."""
    place = {"$ref": "#/channels/socketio"}

    def there(*names: str) -> list[Document]:
        return [{"$ref": f"#/channels/socketio/messages/{name}"} for name in names]

    found: Document = {}
    for name in messages():
        direction, _, kind = name.partition(".")
        if direction == "emit":
            reply = there(f"ack.{kind if kind in ACKNOWLEDGED else 'done'}", "ack.error")
            found[name] = {"action": "receive", "channel": place, "messages": there(name)}
            found[name]["reply"] = {"channel": place, "messages": reply}
        elif direction == "hear":
            found[name] = {"action": "send", "channel": place, "messages": there(name)}
    return found


def _tag(frame: protocol.Command | events.Event) -> str:
    return str(type(frame).__struct_config__.tag)


def _data_type(frame: msgspec.Struct) -> Any:
    [data] = msgspec.structs.fields(type(frame))
    return data.type


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]

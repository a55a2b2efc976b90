"""The AsyncAPI 3.0 document of sockets, made of the Structs that frames are decoded to and encoded from.

In it "receive" is what this service receives and "send" what it sends (AsyncAPI 3.0.0, Operation Object). Types that
exist in both directions are told apart by the names of their messages: `command.chat.message`, `event.chat.message`.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, get_args

import msgspec

from . import events, examples, protocol, wire
from .codes import CloseCode, ErrorCode
from .session import MAX_BAD_FRAMES, MAX_REFUSED_FRAMES
from .socketio import asyncapi as socketio

Document: TypeAlias = dict[str, Any]
Frame: TypeAlias = type[msgspec.Struct]

ADDRESS, SHORT_ADDRESS = "/api/chat/ws/chat/", "/ws"
_HERE, _THERE = "127.0.0.1:8000", "chat.example.org"
MAX_RESUMED_ROOMS = 200  # in a URL; more go into a frame
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_POSITION = f"{_UUID}:[0-9]{{1,16}}(:[0-9]{{1,16}})?"

REPLIES: dict[Frame, tuple[Frame, ...]] = {
    protocol.Send: (events.ChatAck, events.Error),
    protocol.Edit: (events.ChatChanged, events.Error),
    protocol.Delete: (events.ChatChanged, events.Error),
    protocol.TypingStart: (events.Error,),
    protocol.TypingStop: (events.Error,),
    protocol.Read: (events.Error,),
    protocol.Received: (events.Error,),
    protocol.Join: (events.ChatHistory, events.ChatMessage, events.ChatEdited, events.ChatDeleted, events.Error),
    protocol.Resume: (
        events.ChatMessage,
        events.ChatEdited,
        events.ChatDeleted,
        events.RoomReset,
        events.RoomRemoved,
        events.Error,
    ),
    protocol.Refresh: (events.AuthRefreshed, events.Error),
    protocol.Ping: (events.Pong,),
}
"""What each command is answered with; commands whose only answer is `error` say nothing when all is well."""

_INTRODUCTION = f"""\
Text frames, each `{{"type": …, "data": {{…}}}}`; from the server compact and with `type` first, from the client at
most {wire.MAX_MESSAGE // 1024} KiB. New fields may appear anywhere: ignore what you do not know.

A handshake that cannot be accepted is answered before the upgrade, with application/problem+json: 401 for a bad token
or ticket, 403 for a page of another site, 422 for a query that makes no sense, 429 and 503 with `Retry-After`.

The first frame is `session.ready`. All rooms of the user are subscribed by then: every message of them follows, in
each room by ascending `seq`, without a gap and without a repeat. A client keeps the last `seq` of each room and
resumes from it after a close; who keeps the last `rev` of a `chat.edited` or `chat.deleted` too also gets later ones. A
message that was not acknowledged is sent again with the same `client_id`.

{MAX_BAD_FRAMES} bad frames in a row close the socket, as do {MAX_REFUSED_FRAMES} frames in a row over the rate."""


def document() -> Document:
    """The document."""
    commands, sent = get_args(protocol.Command), get_args(events.Event)
    spoken = [*commands, *sent, *socketio.types()]
    found, schemas = msgspec.json.schema_components(spoken, ref_template="#/components/schemas/{name}")
    messages = {_name("command", frame): _message(frame) for frame in commands}
    messages |= {_name("event", frame): _message(frame) for frame in sent}
    on_channel = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley: chat over WebSocket and Socket.IO",
            "version": "1",
            "description": "Rooms, messages and receipts as they happen. What is asked and answered over HTTP is in "
            "`/openapi.json`.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "plain": _server("ws", _HERE, _SECURITY),
            "secure": _server("wss", _THERE, _SECURITY),
            "socketio": {**_server("socketio", _HERE, socketio.SECURITY), "pathname": socketio.PATH},
            "socketioSecure": {**_server("socketios", _THERE, socketio.SECURITY), "pathname": socketio.PATH},
        },
        "channels": {
            "socket": {
                "address": ADDRESS,
                "title": "The socket of one client",
                "description": f"{_INTRODUCTION}\n\n`{SHORT_ADDRESS}` is the same.",
                "servers": [{"$ref": "#/servers/plain"}, {"$ref": "#/servers/secure"}],
                "messages": on_channel,
                "bindings": {"ws": _handshake()},
                "x-close-codes": [
                    {"code": int(code), "meaning": code.meaning, "advice": code.advice.value, "sent": code.ours}
                    for code in CloseCode
                ],
                "x-error-codes": [{"code": code.value, "meaning": code.meaning} for code in ErrorCode],
            },
            "socketio": socketio.channel(),
        },
        "operations": {
            **{f"take.{_tag(frame)}": _receiving(frame) for frame in commands},
            **{f"give.{_tag(frame)}": _sending(frame) for frame in sent},
            **socketio.operations(),
        },
        "components": {
            "schemas": schemas,
            "messages": {**messages, **socketio.described(found[-len(socketio.types()) :])},
            "securitySchemes": {**_SECURITY, **socketio.SECURITY},
        },
    }


def _tag(frame: Frame) -> str:
    return str(frame.__struct_config__.tag)


def _name(direction: str, frame: Frame) -> str:
    return f"{direction}.{_tag(frame)}"


def _message(frame: Frame) -> Document:
    every: Iterable[msgspec.Struct] = (*examples.COMMANDS, *examples.EVENTS)
    return {
        "name": _tag(frame),
        "title": _tag(frame),
        "summary": (frame.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{frame.__name__}"},
        "examples": [{"payload": msgspec.to_builtins(example)} for example in every if type(example) is frame],
    }


def _receiving(frame: Frame) -> Document:
    return {
        "action": "receive",
        "channel": _CHANNEL,
        "messages": [_on_channel("command", frame)],
        "reply": {"channel": _CHANNEL, "messages": [_on_channel("event", answer) for answer in REPLIES[frame]]},
    }


def _sending(frame: Frame) -> Document:
    return {"action": "send", "channel": _CHANNEL, "messages": [_on_channel("event", frame)]}


_CHANNEL = {"$ref": "#/channels/socket"}


def _on_channel(direction: str, frame: Frame) -> Document:
    return {"$ref": f"#/channels/socket/messages/{_name(direction, frame)}"}


_SECURITY: Document = {
    "ticket": {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": "From `POST /auth/ws-ticket`, good once, within 30 s: for browsers, since URLs end up in logs.",
    },
    "token": {"type": "httpApiKey", "in": "query", "name": "token", "description": "An access token."},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "`bearer, <access token>`; the server answers `bearer`.",
    },
}


def _server(scheme: str, host: str, security: Mapping[str, Any]) -> Document:
    return {
        "host": "{host}",
        "protocol": scheme,
        "description": "The gateway.",
        "variables": {"host": {"default": host, "description": "Host, and port if it is not the usual one."}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in security],
    }


def _handshake() -> Document:
    query = {
        "ticket": {"type": "string", "description": "See the security scheme."},
        "token": {"type": "string", "description": "See the security scheme."},
        "room": {
            "type": "string",
            "format": "uuid",
            "description": "Also send `chat.history` with the last messages of this room.",
        },
        "resume": {
            "type": "string",
            "pattern": f"^(frame|{_POSITION}(,{_POSITION}){{0,{MAX_RESUMED_ROOMS - 1}}})?$",
            "description": "`ROOM:SEQ[:REV],…`: every message after SEQ of these rooms, changes after REV, then live "
            "ones. With `frame` the positions come in a first frame, `session.resume`.",
        },
        "epoch": {
            "type": "string",
            "maxLength": protocol.MAX_EPOCH_CHARACTERS,
            "description": "From `session.ready`: of which life of the database the positions in the URL are. If it "
            "is over, `room.reset` answers each.",
        },
    }
    headers = {
        "Authorization": {"type": "string", "pattern": "^Bearer [^ ]+$"},
        "Sec-WebSocket-Protocol": {"type": "string", "pattern": "^bearer, ?[^ ,]+$"},
        "Origin": {"type": "string", "description": "Browsers send it; it is checked against an allow-list."},
    }
    return {
        "method": "GET",
        "query": {"type": "object", "properties": query},
        "headers": {"type": "object", "properties": headers},
        "bindingVersion": "0.1.0",
    }


@functools.cache
def encoded() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document())

"""What the page of sockets shows: the AsyncAPI document, cut to what its template needs."""

import json
import re
from collections.abc import Mapping

import msgspec

from .openapi import Document

_SECTIONS = {"receive": "What a client sends", "send": "What the server sends"}
_SCHEMA, _CHANNEL = "#/components/schemas/", "#/channels/"


class Part(msgspec.Struct, frozen=True):
    """A piece of text, perhaps with a link to something on the page."""

    text: str
    link: str = ""


class Field(msgspec.Struct, frozen=True):
    """One member of an object."""

    name: str
    kind: list[Part]
    required: bool
    note: str


class Noun(msgspec.Struct, frozen=True):
    """An object that appears in others."""

    id: str
    name: str
    text: list[str]
    fields: list[Field]


class Link(msgspec.Struct, frozen=True):
    """A message elsewhere on the page."""

    id: str
    name: str


class Message(msgspec.Struct, frozen=True):
    """A frame or an event: either its data is a noun, `kind`, or its fields stand here."""

    id: str
    name: str
    text: str
    kind: list[Part]
    fields: list[Field]
    examples: list[str]
    replies: list[Link]


class Section(msgspec.Struct, frozen=True):
    """The messages of one direction."""

    title: str
    messages: list[Message]


class Token(msgspec.Struct, frozen=True):
    """One way to show a token."""

    where: str
    text: str


class Channel(msgspec.Struct, frozen=True):
    """One door."""

    id: str
    title: str
    address: str
    text: list[str]
    tokens: list[Token]
    query: list[Field]
    parts: list[Section]


class Page(msgspec.Struct, frozen=True):
    """All of it."""

    text: str
    channels: list[Channel]
    nouns: list[Noun]


def page_of(document: Document) -> Page:
    """The page for a document (AsyncAPI 3.0.0, as chat writes it)."""
    return _Reader(document).page()


class _Reader:
    """Follows the references of one document; a schema that several messages share becomes a noun."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._schemas: Document = document["components"]["schemas"]
        self._messages: Document = document["components"]["messages"]
        self._nouns = _nested(self._schemas)

    def page(self) -> Page:
        channels = [self._channel(name, channel) for name, channel in self._document["channels"].items()]
        nouns = [
            Noun(_slug(name), name, paragraphs(schema.get("description", "")), self._fields(schema))
            for name, schema in sorted(self._schemas.items())
            if name in self._nouns and "properties" in schema
        ]
        return Page(self._document["info"]["description"], channels, nouns)

    def _channel(self, name: str, channel: Document) -> Channel:
        here = f"{_CHANNEL}{name}"
        parts: dict[str, list[Message]] = {action: [] for action in _SECTIONS}
        for operation in self._document["operations"].values():
            if operation["channel"]["$ref"] == here:
                replies = [self._link(reply["$ref"]) for reply in operation.get("reply", {}).get("messages", ())]
                for message in operation["messages"]:
                    parts[operation["action"]].append(self._message(message["$ref"], replies))
        query = channel.get("bindings", {}).get("ws", {}).get("query", {})
        return Channel(
            _slug(name),
            channel.get("title", name),
            channel["address"],
            paragraphs(channel.get("description", "")),
            self._tokens(channel),
            self._fields(query) if query else [],
            [Section(_SECTIONS[action], messages) for action, messages in parts.items() if messages]
            + self._answers(parts),
        )

    def _answers(self, parts: Mapping[str, list[Message]]) -> list[Section]:
        """Messages that are only ever replies, such as the acknowledgements of Socket.IO."""
        shown = {message.id for messages in parts.values() for message in messages}
        asked = {reply.id: reply for messages in parts.values() for one in messages for reply in one.replies}
        by_id = {_slug(name): name for name in self._messages}
        missing = [self._message(f"{_CHANNEL}-/messages/{by_id[one]}", []) for one in asked if one not in shown]
        return [Section("Acknowledgements", missing)] if missing else []

    def _message(self, reference: str, replies: list[Link]) -> Message:
        name = reference.rpartition("/")[2]
        message = self._messages[name]
        payload = self._resolve(message["payload"])
        data = payload.get("properties", {}).get("data") if "type" in payload.get("properties", {}) else None
        noun = data if data is not None else message["payload"]
        inner = self._resolve(noun)
        linked = noun.get("$ref", "").removeprefix(_SCHEMA) in self._nouns
        return Message(
            _slug(name),
            message["name"],
            message.get("summary", ""),
            self._kind(noun) if linked else [],
            [] if linked else self._fields(inner),
            [json.dumps(example["payload"], ensure_ascii=False, indent=2) for example in message.get("examples", ())],
            replies,
        )

    def _link(self, reference: str) -> Link:
        name = reference.rpartition("/")[2]
        return Link(_slug(name), self._messages[name]["name"])

    def _tokens(self, channel: Document) -> list[Token]:
        schemes = self._document["components"]["securitySchemes"]
        names: dict[str, None] = {}
        for server in channel.get("servers", ()):
            described = self._document["servers"][server["$ref"].rpartition("/")[2]]
            names |= dict.fromkeys(one["$ref"].rpartition("/")[2] for one in described.get("security", ()))
        return [Token(_where(schemes[name]), schemes[name].get("description", "")) for name in names]

    def _fields(self, schema: Document) -> list[Field]:
        required = schema.get("required", ())
        return [
            Field(name, self._kind(one), name in required, one.get("description", "") or _bounds(one))
            for name, one in schema.get("properties", {}).items()
        ]

    def _kind(self, schema: Document) -> list[Part]:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_SCHEMA)
            target = self._schemas[name]
            return [Part(name, _slug(name))] if "properties" in target else self._kind(target)
        if "anyOf" in schema:
            parts: list[Part] = []
            for option in schema["anyOf"]:
                parts += [*([Part(" or ")] if parts else []), *self._kind(option)]
            return parts
        if "enum" in schema:
            return [Part(" or ".join(json.dumps(value) for value in schema["enum"]))]
        if schema.get("type") == "array":
            return [Part("list of "), *self._kind(schema.get("items") or {"type": "anything"})]
        if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
            return [Part("object of "), *self._kind(schema["additionalProperties"])]
        return [Part(schema.get("format") or ("time" if _is_time(schema) else schema.get("type", "anything")))]

    def _resolve(self, schema: Document) -> Document:
        if "$ref" not in schema:
            return schema
        resolved: Document = self._schemas[schema["$ref"].removeprefix(_SCHEMA)]
        return resolved


def _nested(schemas: Document) -> set[str]:
    """The schemas that others than a frame's envelope refer to, or more than one of these."""
    seen: dict[str, int] = {}
    for schema in schemas.values():
        weight = 1 if set(schema.get("properties", ())) == {"type", "data"} else 2
        for name in re.findall(rf'"{_SCHEMA}(\w+)"', json.dumps(schema)):
            seen[name] = seen.get(name, 0) + weight
    return {name for name, times in seen.items() if times > 1}


def _bounds(schema: Document) -> str:
    """What a value may be, in words."""
    for one in schema.get("anyOf", [schema]):
        low, high = one.get("minLength"), one.get("maxLength")
        if high is not None:
            return f"{low}-{high:,} characters" if low else f"up to {high:,} characters"
        if one.get("type") == "integer" and one.get("minimum") is not None:
            return f"at least {one['minimum']}" if one["minimum"] else ""
    return ""


def _is_time(schema: Document) -> bool:
    return str(schema.get("pattern", "")).startswith(r"^\d{4}-\d\d-\d\dT")


def _where(scheme: Document) -> str:
    if scheme["type"] == "http":
        return "Authorization: Bearer …"
    return f"?{scheme['name']}=" if scheme.get("in") == "query" else str(scheme.get("name") or scheme.get("in"))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a description."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]

"""docs/protocol.md has every field of every frame, body, query and noun, and every limit, as the code has them."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from auth_service.model import Grant
from auth_service.settings import Settings as AuthSettings
from chassis.settings import ServiceSettings
from chassis.strict import MAX_HEAD_BYTES
from chat_service import model, policy
from chat_service.realtime import asyncapi, commands, events, examples, history, protocol, session, wire
from chat_service.routes import paging
from chat_service.settings import Settings as ChatSettings
from gateway_service.browsers import TARGETS
from gateway_service.settings import Settings as GatewaySettings
from profile_service.model import Profile
from tests.support import frames
from tests.support.openapi import Operation, operations
from tests.unit.docs.documents import codes, rows, section
from tests.unit.docs.test_protocol import TEXT, unnamed

DATA = {str(type(frame).__struct_config__.tag): type(frame) for frame in examples.COMMANDS}
EVENT_DATA = {str(type(frame).__struct_config__.tag): type(frame) for frame in examples.EVENTS}


def fields_in(text: str) -> dict[str, bool]:
    """The names between the outermost braces, and whether each may be absent: `{a, b?, c: [{d}]}`."""
    inside, depth, parts = text.strip()[1:-1], 0, [""]
    for character in inside:
        depth += (character in "{[(") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = (re.match(r"\s*(\w+)(\??)", part) for part in parts)
    return {name[1]: bool(name[2]) for name in names if name is not None}


def fields_of(struct: Any) -> dict[str, bool]:
    """The names of a Struct on the wire, and whether each may be absent."""
    return {field.encode_name: not field.required for field in msgspec.structs.fields(struct)}


def data_of(frame: type[msgspec.Struct]) -> Any:
    """The type of the `data` of a frame."""
    [field] = msgspec.structs.fields(frame)
    return field.type


@pytest.mark.parametrize(
    ("heading", "structs"), [("### What a client sends", DATA), ("### What the server sends", EVENT_DATA)]
)
def test_the_data_of_every_frame_is_that_of_the_code(heading: str, structs: dict[str, Any]) -> None:
    for row in rows(section(TEXT, heading)):
        for kind in codes(row[0]):
            expected = data_of(structs[kind])
            if not row[1].startswith("`"):
                assert row[1] == expected.__name__, kind
            elif isinstance(expected, type) and issubclass(expected, msgspec.Struct):
                assert fields_in(codes(row[1])[0]) == fields_of(expected), kind
            else:  # a `ping`
                assert codes(row[1]) == ["{}"], kind


def test_events_of_socket_io_have_the_fields_of_the_code() -> None:
    messages = frames.resolved(asyncapi.document(), asyncapi.document()["components"]["messages"])

    def fields(name: str) -> dict[str, bool]:
        schema = messages[name]["payload"]
        return {field: field not in schema.get("required", ()) for field in schema["properties"]}

    for row in rows(section(TEXT, "### What a client emits")):
        [event] = codes(row[0])
        assert fields_in(codes(row[1])[0]) == fields(f"emit.{event}"), event
        assert fields_in(codes(row[2])[0]) == fields(f"ack.{event}"), event
    for row in rows(section(TEXT, "### What a client hears")):
        [event] = codes(row[0])
        assert fields_in(codes(row[1])[0]) == fields(f"hear.{event}"), event


NOUNS = {"Room": model.Room, "User": model.User, "Message": model.Message, "Grant": Grant, "Profile": Profile}


def test_the_nouns_have_the_fields_of_the_code() -> None:
    shown = dict(re.findall(r"^    ([A-Z]\w+) +(\{.*?\})$", TEXT, re.MULTILINE | re.DOTALL))
    assert set(shown) == set(NOUNS)
    for name, struct in NOUNS.items():
        hidden = {"duplicate"} if name == "Message" else set()
        assert set(fields_in(shown[name])) == set(fields_of(struct)) - hidden, name


def test_positions_of_session_ready_have_the_fields_of_the_code() -> None:
    [row] = [row for row in rows(section(TEXT, "### What the server sends")) if row[0] == "`session.ready`"]
    position = re.search(r"rooms: \[(\{.*?\})\]", row[1])
    assert position is not None
    assert fields_in(position[1]) == fields_of(events.Position)


def documented_calls() -> Iterator[tuple[str, set[str]]]:
    """Every call and the names of what can be given to it; a row without a call goes on with the one above."""
    for heading in ("## Accounts", "## Profiles", "## Rooms and messages"):
        found: dict[str, set[str]] = {}
        calls: list[str] = []
        for row in rows(section(TEXT, heading)):
            calls = codes(row[0]) or calls
            for call in calls:
                names = found.setdefault(call, set())
                for span in codes(row[1]):
                    if span.startswith("{"):
                        names |= set(fields_in(span))
                    elif span.startswith("?"):
                        names |= set(re.findall(r"(\w+)=", span))
                    elif match := re.fullmatch(r"(\w+)\??", span):
                        names.add(match[1])
        yield from found.items()


def given_to(operation: Operation) -> set[str]:
    """The names of all that an operation takes, but for those in its path."""
    return {*operation.parameters("query"), *((operation.body or {}).get("properties", {}))}


def test_bodies_and_queries_have_the_fields_of_the_code() -> None:
    known = {(operation.method, unnamed(operation.path)): operation for operation in operations()}
    checked = 0
    for call, names in documented_calls():
        method, _, path = call.partition(" ")
        if path in TARGETS:
            continue  # the gateway passes them on; their bodies are those of auth's own calls
        operation = known[method, unnamed(path)]
        if names:
            assert names == given_to(operation), call
            checked += 1
        else:  # a noun, or what the platform's own redirects bring
            assert "/profiles" in call or "/callback" in call or not given_to(operation), call
    assert checked > 15


def test_the_query_of_the_handshake_is_that_of_the_code() -> None:
    channel = asyncapi.document()["channels"]["socket"]
    table = {name.partition("=")[0] for row in rows(section(TEXT, "### Connecting")) for name in codes(row[0])}
    named = set(re.findall(r"`\?(\w+)=`", section(TEXT, "### Connecting")))
    assert table | named == set(channel["bindings"]["ws"]["query"]["properties"])


def test_the_conversation_is_as_documented() -> None:
    lines = re.findall(r"^([<>]) (\{.*\})$", section(TEXT, "### A conversation"), re.MULTILINE)
    assert [mark for mark, _ in lines].count(">") == 1
    kinds = [(frames.check_received if mark == "<" else frames.check_sent)(text) for mark, text in lines]
    assert kinds[:2] == ["session.ready", "chat.message"]


def number(text: str) -> int:
    """`1,024 KiB` as 1,048,576."""
    match = re.match(r"([\d,]+)( KiB)?", text)
    assert match is not None, text
    return int(match[1].replace(",", "")) * (1024 if match[2] else 1)


def default(settings: type[msgspec.Struct], name: str) -> Any:
    """The default of a setting."""
    return next(field.default for field in msgspec.structs.fields(settings) if field.name == name)


def limits(head: str) -> dict[str, str]:
    """The first two columns of a table of limits."""
    [table] = re.findall(rf"^\| {head} \|.*\n\|[- |]+\n((?:\|.*\n)+)", section(TEXT, "## Limits"), re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {cell[0]: cell[1] for cell in cells if cell[0]}


def test_sizes_are_those_of_the_code() -> None:
    assert {name: number(size) for name, size in limits("size").items()} == {
        "body of a request": default(ServiceSettings, "max_body_bytes"),
        "head of a request": MAX_HEAD_BYTES,
        "frame of a client": wire.MAX_MESSAGE,
        "`content`": policy.MAX_CONTENT_CHARACTERS,
        "`client_id`": policy.MAX_CLIENT_ID_CHARACTERS,
        "`epoch`": protocol.MAX_EPOCH_CHARACTERS,
        "name of a group": policy.MAX_ROOM_NAME_CHARACTERS,
        "members of a group": policy.MAX_GROUP_MEMBERS,
        "page": get_args(paging.PageSize)[1].le,
        "rooms in `?resume=`": asyncapi.MAX_RESUMED_ROOMS,
        "messages in a `chat.history`": history.HISTORY,
        "commands of a socket that wait for an answer": commands.MAX_WAITING_COMMANDS,
        "bad frames in a row": session.MAX_BAD_FRAMES,
        "frames over the rate in a row": session.MAX_REFUSED_FRAMES,
        "bytes that a client leaves unread": session.MAX_PENDING_BYTES,
    }


def test_rates_are_the_defaults_of_the_settings() -> None:
    shown = {name: [int(one) for one in re.findall(r"\d+", rate)] for name, rate in limits("what").items()}
    window = default(AuthSettings, "login_failures_seconds") // 60
    sockets = [default(GatewaySettings, f"rate_sockets_{name}") for name in ("per_second", "burst")]
    expected = {
        "requests with a token": [default(GatewaySettings, "rate_user_per_minute")],
        "requests without one": [default(GatewaySettings, "rate_address_per_minute")],
        "logins, registrations, new passwords by mail": [default(GatewaySettings, "rate_login_per_minute")],
        "wrong passwords": [default(AuthSettings, "login_failures"), window],
        "new WebSockets": sockets,
        "frames, or events": [default(ChatSettings, name) for name in ("frames_per_second", "frame_burst")],
    }
    assert {name: shown[name] for name in expected} == expected

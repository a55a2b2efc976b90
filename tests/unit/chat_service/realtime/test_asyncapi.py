"""The AsyncAPI document: valid, complete in both directions, and its examples are what it says."""

import ast
import copy
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from chat_service.realtime import events, protocol
from chat_service.realtime.asyncapi import REPLIES, document
from chat_service.realtime.codes import CloseCode, ErrorCode
from chat_service.realtime.socketio import events as socketio
from chat_service.realtime.socketio import link, outgoing
from chat_service.routes import socket
from tests.support import frames

SCHEMA = Path(frames.__file__).parent / "schemas" / "asyncapi-3.0.0.json"
DOCUMENT = document()
MESSAGES = DOCUMENT["components"]["messages"]
every_message = pytest.mark.parametrize("name", MESSAGES)


@pytest.fixture(scope="module")
def official() -> Any:
    """A validator of AsyncAPI documents."""
    return jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def test_the_document_is_valid(official: Any) -> None:
    assert list(official.iter_errors(json.loads(msgspec.json.encode(DOCUMENT)))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("operations/take.ping/action", "publish"),
        ("channels/socket/bindings/ws/method", "PUT"),
        ("servers/plain/protocol", None),
        ("components/securitySchemes/ticket/in", "body"),
        ("components/messages/event.pong/examples", [{"data": {}}]),
    ],
)
def test_the_validator_finds_mistakes(official: Any, path: str, value: Any) -> None:
    wrong = copy.deepcopy(DOCUMENT)
    above, _, last = path.rpartition("/")
    frames.target(wrong, above)[last] = value
    assert list(official.iter_errors(wrong)) != []


def references(value: Any) -> list[str]:
    """Every `$ref` in a document."""
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for item in value.values() for found in references(item)]


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert found
    for reference in found:
        assert frames.target(DOCUMENT, reference), reference


def test_every_schema_and_message_is_used() -> None:
    found = set(references(DOCUMENT))
    for kind in ("schemas", "messages", "securitySchemes"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= found


SENT = {str(command.__struct_config__.tag) for command in get_args(protocol.Command)}
RECEIVED = {str(event.__struct_config__.tag) for event in get_args(events.Event)}


def test_both_directions_of_the_websocket_are_complete() -> None:
    names = {f"command.{kind}" for kind in SENT} | {f"event.{kind}" for kind in RECEIVED}
    assert {name for name in MESSAGES if name.startswith(("command.", "event."))} == names
    assert set(DOCUMENT["channels"]["socket"]["messages"]) == names
    expected = {f"take.{kind}": "receive" for kind in SENT} | {f"give.{kind}": "send" for kind in RECEIVED}
    assert expected.items() <= actions().items()


def test_both_directions_of_socket_io_are_complete() -> None:
    emitted = {f"emit.{kind}" for kind in SENT | set(socketio.REQUESTS)}
    heard = {f"hear.{outgoing.NAMES.get(kind, kind)}" for kind in RECEIVED} | {f"hear.{link.CLOSING}"}
    acknowledged = {f"ack.{kind}" for kind in {*socketio.REQUESTS, "done", "error"}}
    assert set(DOCUMENT["channels"]["socketio"]["messages"]) == emitted | heard | acknowledged
    assert set(actions()) & (emitted | heard) == emitted | heard


def actions() -> dict[str, str]:
    """What is done by each operation."""
    return {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}


def test_every_command_says_what_answers_it() -> None:
    assert set(REPLIES) == set(get_args(protocol.Command))


def test_schemas_have_short_names() -> None:
    assert [name for name in DOCUMENT["components"]["schemas"] if not name.isalnum()] == []


@every_message
def test_everything_says_what_it_is(name: str) -> None:
    payload = frames.resolved(DOCUMENT, MESSAGES[name]["payload"])
    assert MESSAGES[name]["summary"]
    if name.startswith(("command.", "event.")):
        assert payload["properties"]["type"] == {"enum": [name.partition(".")[2]]}
        payload = payload["properties"]["data"]
    assert payload.get("description") or name in ("command.ping", "emit.ping")


@every_message
def test_every_message_has_an_example_that_is_as_described(name: str) -> None:
    direction, _, kind = name.partition(".")
    examples = MESSAGES[name]["examples"]
    assert examples
    for example in examples:
        text = msgspec.json.encode(example["payload"]).decode()
        if direction == frames.SENT:
            assert frames.check_sent(text) == kind
        elif direction == frames.RECEIVED:
            assert frames.check_received(text) == kind
        else:
            frames.hold(direction, kind, json.loads(text))


def test_the_query_has_the_parameters_that_the_handshake_reads() -> None:
    read = set()
    for node in ast.walk(ast.parse(Path(socket.__file__).read_text())):
        match node:
            case ast.Call(ast.Attribute(ast.Name("query"), "get" | "getlist"), [ast.Constant(name), *_]):
                read.add(name)
            case ast.Subscript(value=ast.Name(id="query"), slice=ast.Constant()):
                read.add(node.slice.value)  # type: ignore[attr-defined]
    assert set(DOCUMENT["channels"]["socket"]["bindings"]["ws"]["query"]["properties"]) == read


def test_all_codes_are_there() -> None:
    channel = DOCUMENT["channels"]["socket"]
    assert [code["code"] for code in channel["x-close-codes"]] == list(CloseCode)
    assert [code["code"] for code in channel["x-error-codes"]] == list(ErrorCode)
    assert set(DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"]) == set(ErrorCode)

"""Every operation of `/openapi.json`, asked by a generator: whatever it asks, the answer is one of the documented ones.

Requests that fit the schemas and requests that do not, held against all checks of Schemathesis but one: a request that
fits may be refused for what no schema says (a code that nobody gave, an address without an `@`). That good requests are
accepted is shown by test_examples and the contract tests; test_bad_requests makes each mistake once.
`make test ARGS="tests/e2e/test_schemathesis.py --examples 200"` asks for longer.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from devstack.background import Background
from tests.e2e.people import PASSWORD, SECONDS
from tests.support.openapi import Operation, operations

FEW = 6
OTHER_NAMES = ("/login", "/register")  # of operations that are asked by their first
OPERATIONS = [operation for operation in operations() if operation.path not in OTHER_NAMES]


def name(operation: Operation) -> str:
    """For the name of a test."""
    return f"{operation.method} {operation.path}"


@pytest.fixture(scope="module")
def described(stack: Background) -> Any:
    """The document of the running platform."""
    checks = {"negative_data_rejection": {"expected-statuses": ["4xx"]}}  # 413 and 414 among them
    config = schemathesis.Config.from_dict({"checks": checks})
    return schemathesis.openapi.from_url(f"{stack.gateway_url}/openapi.json", config=config)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """A connection for each request: nobody knows how long the generator thinks in between."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Connection"] = "close"
        yield session


class Place(NamedTuple):
    """Somebody's token, and what is his, by the names of paths."""

    headers: dict[str, str]
    names: dict[str, Any]


@pytest.fixture(scope="module")
def places() -> list[Place]:
    """That of the last operation, which may be good still."""
    return []


@pytest.fixture
def place(stack: Background, places: list[Place]) -> Place:
    """Somebody in a room of his own."""
    with httpx.Client(base_url=stack.gateway_url, timeout=SECONDS, trust_env=False) as client:
        while not places or client.get("/auth/me", headers=places[-1].headers).status_code != 200:
            body = {"username": f"somebody-{secrets.token_hex(4)}", "password": PASSWORD}
            grant = client.post("/auth/register", json=body).raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {grant['access_token']}"
            group: dict[str, Any] = {"type": "group", "name": "Group", "members": []}
            room = client.post("/api/chat/rooms/", json=group).raise_for_status().json()["id"]
            client.post("/api/chat/messages/", json={"room": room, "message": "hello"}).raise_for_status()
            names = {"room": room, "seq": 1, "user_id": grant["user_id"], "user": grant["user_id"]}
            places.append(Place({"Authorization": client.headers.pop("Authorization")}, names))
    return places[-1]


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
def test_every_answer_is_a_documented_one(
    described: Any,
    session: requests.Session,
    place: Place,
    effort: Callable[..., settings],
    operation: Operation,
) -> None:
    there = described[operation.path][operation.method]
    cases = st.one_of([there.as_strategy(generation_mode=mode) for mode in GenerationMode])
    statuses = set()

    @effort(FEW)
    @given(case=cases)
    def ask(case: Any) -> None:
        if case.meta.generation.mode.is_positive:  # somewhere that is there
            case.path_parameters |= {name: place.names.get(name, value) for name, value in case.path_parameters.items()}
        reply = case.call(session=session, headers=place.headers, timeout=SECONDS)
        case.validate_response(reply, excluded_checks=[positive_data_acceptance], headers=place.headers)
        statuses.add(reply.status_code)

    ask()
    assert statuses
    assert max(statuses) < 500

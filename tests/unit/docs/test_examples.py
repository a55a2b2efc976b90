"""Every call in the OpenAPI document that has a body or an answer has an example of it, which its schema allows."""

import jsonschema
import pytest

from tests.support.frames import closed
from tests.support.openapi import Operation, operations

ELSEWHERE = {
    "list_providers": "depends on what is configured; tests/e2e/test_oauth.py",
    "exchange": "needs a provider; tests/e2e/test_oauth.py",
    "link": "needs a provider; tests/e2e/test_oauth.py",
    "confirm_email": "needs a mail; tests/e2e/test_mail.py",
    "confirm_reset": "needs a mail; tests/e2e/test_mail.py",
    "export_me": "the rows of the tables; tests/e2e/test_identity.py",
}
NEEDS_A_PROVIDER = {"begin", "callback", "unlink"}
BODY_IS_LEFT_OUT = {"mark_read"}  # one that old clients send and nothing needs


def shown(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.mark.parametrize("operation", operations(), ids=shown)
def test_every_body_and_answer_has_an_example(operation: Operation) -> None:
    if operation.id in ELSEWHERE:
        assert operation.examples == {}
        return
    bodies, replies = ([pair[side] for pair in operation.examples.values() if pair[side]] for side in (0, 1))
    if operation.id not in BODY_IS_LEFT_OUT:
        assert bool(bodies) == (operation.body is not None)
    assert bool(replies) == ("content" in operation.success)
    given = {one["name"] for one in operation.description["parameters"] if "example" in one}
    if operation.id not in NEEDS_A_PROVIDER:
        assert operation.parameters("path").keys() <= given


@pytest.mark.parametrize("operation", operations(), ids=shown)
def test_examples_are_what_their_schemas_allow(operation: Operation) -> None:
    for body, reply in operation.examples.values():
        if body is not None:
            jsonschema.validate(body, closed(operation.body))
        if reply is not None:
            jsonschema.validate(reply, closed(operation.success["content"]["application/json"]["schema"]))

"""The merged OpenAPI document is a valid one, and every answer is described."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support import frames
from tests.support.openapi import merged, operations

SCHEMA = Path(frames.__file__).parent / "schemas" / "openapi-3.1.json"


@pytest.fixture(scope="module")
def official() -> Any:
    """A validator of OpenAPI documents."""
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def test_the_document_is_valid(official: Any) -> None:
    assert list(official.iter_errors(merged())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("paths/~1register/post/responses/201", {}),
        ("paths/~1register/post/requestBody/content", []),
        ("paths/~1profiles~1{user_id}/get/parameters/0/required", False),
        ("info/title", None),
    ],
)
def test_the_validator_finds_mistakes(official: Any, path: str, value: Any) -> None:
    wrong = copy.deepcopy(merged())
    above, _, last = path.rpartition("/")
    found = frames.target(wrong, above)
    found[last] = value
    assert list(official.iter_errors(wrong)) != []


def test_ids_are_unique() -> None:
    ids = [operation.description["operationId"] for operation in operations()]
    assert len(ids) == len(set(ids))


def test_every_text_in_a_body_says_how_long_it_may_be() -> None:
    def endless(schema: Any, path: str) -> list[str]:
        found = []
        for option in schema.get("anyOf", [schema]):
            if option.get("type") == "string" and not {"maxLength", "format", "enum"} & set(option):
                found.append(path)
            for name, inner in option.get("properties", {}).items():
                found += endless(inner, f"{path}.{name}")
            found += endless(option["items"], f"{path}[]") if "items" in option else []
        return found

    for operation in operations():
        assert operation.body is None or endless(operation.body, operation.path) == []


def test_every_answer_is_described() -> None:
    for operation in operations():
        responses = operation.description["responses"]
        assert any(status.startswith("2") or status == "303" for status in responses), operation
        assert "application/problem+json" in responses["default"]["content"]
        assert ("401" in responses) == bool(operation.description.get("security"))
        assert operation.body is None or {"400", "413", "415", "422"} <= set(responses)

"""values.yaml and its schema say the same, and the schema knows every setting of the code."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.schema import CHART, SCHEMA, is_secret, written_anew

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
DOCUMENT: dict[str, Any] = json.loads(SCHEMA.read_text())
UNUSED = {"global"}  # Helm puts it there
# Free: what people fill in, by names of their own or as Kubernetes has it.
OPEN = {"settings", "secrets", "secretFiles"}


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema behind a reference."""
    if "$ref" in schema:
        found: Mapping[str, Any] = DOCUMENT["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def objects(
    values: Any, schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Every mapping of the values whose keys the schema names."""
    schema = resolved(schema)
    if isinstance(values, dict) and "properties" in schema:
        yield path, values, schema
        for name, value in values.items():
            if name in schema["properties"]:
                yield from objects(value, schema["properties"][name], (*path, name))


def test_the_settings_are_those_of_the_code() -> None:
    assert SCHEMA.read_text() == written_anew(SCHEMA.read_text()), "run `python -m deploy.schema`"


def test_the_values_follow_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    jsonschema.validate(VALUES, DOCUMENT, jsonschema.Draft202012Validator)


def test_the_schema_has_every_value_and_no_other() -> None:
    for path, values, schema in objects(VALUES, DOCUMENT):
        if not OPEN & set(path[-1:]) and "key" not in values:
            assert set(values) == set(schema["properties"]) - (UNUSED if not path else set()), path


@pytest.mark.parametrize(
    "path", [path for path, _, _ in objects(VALUES, DOCUMENT)], ids=lambda path: ".".join(path) or "top"
)
def test_an_unknown_key_is_refused(path: tuple[str, ...]) -> None:
    values = json.loads(json.dumps(VALUES))
    place = values
    for name in path:
        place = place[name]
    place["unknown"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, DOCUMENT, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("values", sorted((CHART / "ci").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_of_settings_and_the_service_agree(values: Any) -> None:
    jsonschema.validate(yaml.safe_load(values.read_text()), DOCUMENT, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DATABASE_URL", True),
        ("KAFKA_SASL_PASSWORD", True),
        ("SMTP_URL", True),
        ("ACCESS_TOKEN_SECONDS", False),
        ("SIGNING_KEYS_FILE", False),
        ("CHAT_SERVICE", False),
    ],
)
def test_what_is_secret(name: str, *, secret: bool) -> None:
    assert is_secret(name) is secret


def test_nothing_secret_has_a_place_in_plain_settings() -> None:
    for name, body in DOCUMENT["$defs"].items():
        if name.endswith("-settings"):
            assert [variable for variable in body["properties"] if is_secret(variable)] == []


def test_every_value_has_a_comment_above_its_block() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) > 40

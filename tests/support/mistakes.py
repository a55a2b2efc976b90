"""What can be wrong with a JSON value, from the schema that describes it: one mistake at a time, in every field."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jsonschema

UNKNOWN = "field_of_tomorrow"
WRONG: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 1.5,
    "string": "text",
    "array": ["text"],
    "object": {"text": "text"},
}
DEEP = 500  # levels; more than anybody means, fewer than what makes a parser give up by itself


class Mistake(NamedTuple):
    """A value with one thing wrong with it."""

    kind: str  # missing, type, depth, length, range, form, nul
    path: str  # to the field, `data.room`
    detail: str  # what was put there
    value: Any

    def __str__(self) -> str:
        """For a person who reads of a failure."""
        return f"{self.path or 'all of it'}: {self.kind} {self.detail}"


def mistakes(schema: Any, good: Any) -> Iterator[Mistake]:
    """Everything that can be wrong with a value.

    Arguments:
        schema: JSON Schema without references.
        good: a value that it allows, with as many of the fields as possible.
    """
    allowed = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert allowed.is_valid(good), jsonschema.exceptions.best_match(allowed.iter_errors(good))
    for mistake in _wrong(schema, good, "", lambda value: value):
        if mistake.kind == "nul" or not allowed.is_valid(mistake.value):
            yield mistake


def with_unknown_fields(good: Any) -> Any:
    """The value with a field in each object that nobody knows."""
    if isinstance(good, list):
        return [with_unknown_fields(item) for item in good]
    if not isinstance(good, dict):
        return good
    return {**{key: with_unknown_fields(item) for key, item in good.items()}, UNKNOWN: {"a": [1, None, "ü"]}}


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


Rebuild = Callable[[Any], Any]


def _wrong(schema: Any, good: Any, path: str, rebuild: Rebuild) -> Iterator[Mistake]:
    """All mistakes of one place: `rebuild` puts a value there and gives the whole."""

    def mistake(kind: str, detail: str, value: Any) -> Mistake:
        return Mistake(kind, path, detail, rebuild(value))

    for name, value in WRONG.items():
        yield mistake("type", name, value)
    yield mistake("depth", f"{DEEP} levels", nested(DEEP))
    for option in schema.get("anyOf", [schema]):
        if "enum" in option:
            yield mistake("form", "another word", "another.word")
        for kind, detail, value in _beyond(option):
            yield mistake(kind, detail, value)
        if isinstance(good, dict) and option.get("type") == "object":
            yield from _in_object(option, good, path, rebuild)
        if isinstance(good, list) and option.get("type") == "array" and good:
            yield from _wrong(option["items"], good[0], f"{path}[0]", lambda item: rebuild([item, *good[1:]]))


def _in_object(schema: Any, good: dict[str, Any], path: str, rebuild: Rebuild) -> Iterator[Mistake]:
    def put(name: str) -> Rebuild:
        return lambda value: rebuild({**good, name: value})

    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, value in good.items():
        inside = f"{path}.{name}".lstrip(".")
        if name in properties:
            rest = {key: item for key, item in good.items() if key != name}
            yield Mistake("missing", inside, "", rebuild(rest))
            yield from _wrong(properties[name], value, inside, put(name))
        elif isinstance(others, dict):
            yield from _wrong(others, value, f"{path}.*", put(name))
    if isinstance(others, dict):
        yield Mistake("form", f"{path}.*", "another name", rebuild({"another name": next(iter(good.values()))}))


def _beyond(schema: Any) -> Iterator[tuple[str, str, Any]]:
    """What is just outside of what a schema allows."""
    if schema.get("type") == "string":
        yield "nul", "", "a\x00b"
        yield "length", "nothing", ""
        yield "form", "white space", " \n\t"
        yield "form", "a word", "no-such-form"
        if "maxLength" in schema:
            yield "length", "one too many", "ü" * (schema["maxLength"] + 1)
    if schema.get("type") in ("integer", "number"):
        for detail, number in (("2^63", 2**63), ("2^64", 2**64), ("10^400", 10**400), ("-2^63 - 1", -(2**63) - 1)):
            yield "range", detail, number
        for limit, step in (("minimum", -1), ("maximum", 1)):
            if limit in schema:
                yield "range", f"beyond the {limit}", schema[limit] + step
    if schema.get("type") == "array":
        yield "length", "nothing", []
        if "maxItems" in schema:
            yield "length", "one too many", [0] * (schema["maxItems"] + 1)

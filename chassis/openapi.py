"""The OpenAPI document of a service: quart-schema's, completed."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from quart import Quart
from quart_schema import QuartSchema
from quart_schema.openapi import OpenAPIProvider
from quart_schema.validation import (
    QUART_SCHEMA_QUERYSTRING_ATTRIBUTE,
    QUART_SCHEMA_REQUEST_ATTRIBUTE,
    QUART_SCHEMA_RESPONSE_ATTRIBUTE,
)
from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.converters import UnicodeConverter, UUIDConverter

from .problems import CONTENT_TYPE, ProblemBody, title_of

OPTIONAL_BODY = "parley_optional_body"  # on a handler whose request may have no body
OTHERWISE = "parley_otherwise"  # and what it may answer instead, by status
EMPTY = "parley_empty"  # and the statuses that it answers without a body
EXAMPLES = "parley_examples"  # in the extensions of an application: see Example
_REF = "#/components/schemas/{name}"
_PROBLEM = {CONTENT_TYPE: {"schema": {"$ref": _REF.format(name=ProblemBody.__name__)}}}
_BODY_PROBLEMS = (400, 413, 415, 422)  # see http.read_body


class Example(msgspec.Struct, frozen=True):
    """One call and its answer, by the name of the handler; "handler: words" is another one of the same handler.

    Arguments:
        body: of the request, as JSON; None without one.
        reply: what it is answered with; None without a body.
        values: those of parameters in the path and the query.
    """

    body: Any = None
    reply: Any = None
    values: Mapping[str, str] = {}


class Provider(OpenAPIProvider):
    """Adds what quart-schema (0.25) cannot know: the problems, empty answers, converters, ids that are unique."""

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        """See OpenAPIProvider."""
        paths, components = super().build_paths(rule)
        handler = self._app.view_functions[rule.endpoint]
        for item in paths.values():
            for operation in item.values():
                if "requestBody" in operation:
                    operation["requestBody"]["required"] = not getattr(handler, OPTIONAL_BODY, False)
                for status, model in getattr(handler, OTHERWISE, {}).items():
                    content = operation["responses"][status]["content"]["application/json"]
                    content["schema"] = {"anyOf": [content["schema"], {"$ref": _REF.format(name=model.__name__)}]}
                empty = {status: {"description": f"{title_of(status)}."} for status in getattr(handler, EMPTY, ())}
                operation["responses"] = _responses({**operation, "responses": {**operation["responses"], **empty}})
                _exemplify(operation, self._examples_of(handler.__name__))
        return paths, components

    def _examples_of(self, handler: str) -> dict[str, Example]:
        """By what sets them apart."""
        every: Mapping[str, Example] = self._app.extensions.get(EXAMPLES, {})
        named = ((name.partition(":"), example) for name, example in every.items())
        return {words.strip() or "usual": example for (name, _, words), example in named if name == handler}

    def build_path_parameter(self, name: str, converter: BaseConverter) -> dict[str, Any]:
        """See OpenAPIProvider."""
        parameter: dict[str, Any] = super().build_path_parameter(name, converter)
        if isinstance(converter, UUIDConverter):
            parameter["schema"]["format"] = "uuid"
        elif not isinstance(converter, UnicodeConverter):
            parameter["schema"]["pattern"] = f"^({converter.regex})$"
        return parameter

    def operation_id(self, method: str, path: str, func: Any) -> str | None:
        """The handler's name; a handler that has several paths is told apart by them."""
        endpoint = next(name for name, handler in self._app.view_functions.items() if handler is func)
        paths = {rule.rule for rule in self._app.url_map.iter_rules(endpoint)}
        place = re.sub(r"\W+", "_", path).strip("_")
        return func.__name__ if len(paths) == 1 else f"{func.__name__}_{place}"


def _responses(operation: dict[str, Any]) -> dict[str, Any]:
    """What the route says of its answers, or that there is nothing in them; and the problems."""
    where = {parameter["in"] for parameter in operation["parameters"]}
    problems = {401} if operation.get("security") else set()
    problems |= set(_BODY_PROBLEMS) if "requestBody" in operation else set()
    problems |= {422} if "query" in where else set()
    problems |= {404} if "path" in where else set()
    responses = operation["responses"] or {204: {"description": "Done; there is nothing to say."}}
    responses |= {status: {"description": f"{title_of(status)}.", "content": _PROBLEM} for status in problems}
    return {
        **{str(status): responses[status] for status in sorted(responses)},
        "default": {"description": "Any other problem; `code` says which.", "content": _PROBLEM},
    }


def _exemplify(operation: dict[str, Any], examples: Mapping[str, Example]) -> None:
    """Put the examples where OpenAPI 3.1 has them: beside parameters, in the body and in the answer of a success."""
    for parameter in operation["parameters"]:
        values = [one.values[parameter["name"]] for one in examples.values() if parameter["name"] in one.values]
        if values:
            whole = parameter["schema"].get("type") == "integer"
            parameter["example"] = int(values[0]) if whole else values[0]
    success = max((status for status in operation["responses"] if status.startswith("2")), default="")
    for place, name in ((operation.get("requestBody"), "body"), (operation["responses"].get(success), "reply")):
        found = {
            words: {"value": value} for words, one in examples.items() if (value := getattr(one, name)) is not None
        }
        if place is not None and found and "content" in place:
            place["content"]["application/json"]["examples"] = found


def document(app: Quart, schema: QuartSchema) -> dict[str, Any]:
    """The document, with the schemas that its models refer to: quart-schema (0.25) leaves those of msgspec out."""
    described: dict[str, Any] = schema.openapi_provider.schema()
    _, nested = msgspec.json.schema_components([ProblemBody, *_models(app)], ref_template=_REF)
    components = described.setdefault("components", {})
    components["schemas"] = {**nested, **components.get("schemas", {})}
    return described


def _models(app: Quart) -> list[type[msgspec.Struct]]:
    models: dict[type[msgspec.Struct], None] = {}
    for handler in app.view_functions.values():
        if (request := getattr(handler, QUART_SCHEMA_REQUEST_ATTRIBUTE, None)) is not None:
            models[request[0]] = None
        if (query := getattr(handler, QUART_SCHEMA_QUERYSTRING_ATTRIBUTE, None)) is not None:
            models[query] = None
        for response in (getattr(handler, QUART_SCHEMA_RESPONSE_ATTRIBUTE, None) or {}).values():
            models[response[0]] = None
        models.update(dict.fromkeys(getattr(handler, OTHERWISE, {}).values()))
    return list(models)

"""The OpenAPI document of a service: quart-schema's, completed."""

from typing import Any

import msgspec
from quart import Quart
from quart_schema import QuartSchema
from quart_schema.validation import (
    QUART_SCHEMA_QUERYSTRING_ATTRIBUTE,
    QUART_SCHEMA_REQUEST_ATTRIBUTE,
    QUART_SCHEMA_RESPONSE_ATTRIBUTE,
)

_REF = "#/components/schemas/{name}"


def document(app: Quart, schema: QuartSchema) -> dict[str, Any]:
    """The document, with the schemas that its models refer to: quart-schema (0.25) leaves those of msgspec out."""
    described: dict[str, Any] = schema.openapi_provider.schema()
    _, nested = msgspec.json.schema_components(_models(app), ref_template=_REF)
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
    return list(models)

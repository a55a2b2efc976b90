"""The OpenAPI documents of the services say everything that they refer to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from auth_service.app import create_app as create_auth
from auth_service.settings import Settings as AuthSettings
from chassis.service import Service
from chat_service.app import create_app as create_chat
from chat_service.settings import Settings as ChatSettings
from profile_service.app import create_app as create_profile
from profile_service.settings import Settings as ProfileSettings

ENGINES: dict[str, Any] = {"database_url": "postgresql://x/x", "redis_url": "redis://127.0.0.1:1"}


def services(folder: Any) -> dict[str, Service]:
    keys = folder / "keys.json"
    return {
        "auth": create_auth(AuthSettings(**ENGINES, signing_keys_file=str(keys))),
        "profile": create_profile(ProfileSettings(**ENGINES, auth_url="http://127.0.0.1:1")),
        "chat": create_chat(ChatSettings(**ENGINES, auth_url="http://127.0.0.1:1")),
    }


def references(value: Any) -> Iterator[str]:
    """All `$ref`s in a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("name", ["auth", "profile", "chat"])
async def test_every_reference_of_the_document_leads_somewhere(tmp_path: Any, name: str) -> None:
    app: Any = services(tmp_path)[name].app
    response = await app.test_client().get("/openapi.json")
    document = json.loads(await response.get_data())
    known = {f"#/components/schemas/{schema}" for schema in document["components"]["schemas"]}
    used = set(references(document))
    assert used
    assert used <= known

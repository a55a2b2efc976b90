"""The merged OpenAPI document: only what is routed, and every reference leads to what it meant."""

from typing import Any

from gateway_service.openapi import merge
from gateway_service.routes import Router


def part(paths: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


def answers(reference: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{reference}"}
    return {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}


def schema_of(document: dict[str, Any], path: str) -> Any:
    answer = document["paths"][path]["get"]["responses"]["200"]
    _, kind, name = answer["content"]["application/json"]["schema"]["$ref"][2:].split("/")
    return document["components"][kind][name]


def test_only_routed_paths_of_the_right_service_stay() -> None:
    document = merge(
        {
            "auth": part({"/auth/me": answers("A"), "/internal/users": answers("A"), "/profiles": answers("A")}, A={}),
            "profile": part({"/profiles/{id}": answers("B"), "/openapi.json": answers("B")}, B={}),
        },
        Router(),
    )
    assert sorted(document["paths"]) == ["/auth/me", "/profiles/{id}"]
    assert document["openapi"].startswith("3.1")


def test_operations_say_whose_they_are() -> None:
    document = merge({"auth": part({"/auth/me": answers("A")}, A={})}, Router())
    assert document["paths"]["/auth/me"]["get"]["tags"] == ["auth"]


def test_one_name_for_different_things_becomes_two() -> None:
    auth, chat = (
        {"type": "object", "title": "auth's"},
        {"type": "array", "items": {"$ref": "#/components/schemas/User"}},
    )
    parts = {
        "auth": part({"/auth/me": answers("User")}, User=auth),
        "chat": part({"/api/chat/users/": answers("User")}, User=chat),
    }
    document = merge(parts, Router())
    assert schema_of(document, "/auth/me") == auth
    merged = schema_of(document, "/api/chat/users/")
    assert merged == {"type": "array", "items": {"$ref": "#/components/schemas/ChatUser"}}
    assert parts["auth"]["paths"]["/auth/me"] == answers("User"), "the parts themselves are not touched"


def test_one_name_for_the_same_thing_stays_one() -> None:
    parts = {
        "auth": part({"/auth/me": answers("User")}, User={"type": "object"}),
        "chat": part({"/api/chat/users/": answers("User")}, User={"type": "object"}),
    }
    assert list(merge(parts, Router())["components"]["schemas"]) == ["User"]


def test_security_schemes_are_merged() -> None:
    bearer = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    parts = {name: {"paths": {}, "components": bearer} for name in ("auth", "chat")}
    assert merge(parts, Router())["components"] == bearer

"""Every route of the service."""

from auth_service.app import create_app
from auth_service.settings import Settings
from chassis.http import ACCESS

PUBLIC = {
    "/auth/register",
    "/register",
    "/auth/login",
    "/login",
    "/auth/refresh",
    "/auth/email/verify/confirm",
    "/auth/oauth",
    "/auth/oauth/<provider:provider>",
    "/auth/oauth/<provider:provider>/callback",
    "/auth/oauth/exchange",
    "/auth/password/reset",
    "/auth/password/reset/confirm",
    "/.well-known/jwks.json",
    "/openapi.json",
}
INTERNAL = {"/internal/users", "/internal/sessions/<uuid:session_id>", "/internal/devices/lost"}


def test_what_is_not_listed_here_needs_a_token() -> None:
    settings = Settings(database_url="postgresql://x", redis_url="redis://x", signing_keys_file="x")
    app = create_app(settings).app
    found: dict[str, set[str]] = {"public": set(), "internal": set(), "bearer": set()}
    for rule in app.url_map.iter_rules():  # type: ignore[attr-defined]
        found[getattr(app.view_functions[rule.endpoint], ACCESS)].add(rule.rule)  # type: ignore[attr-defined]
    assert found["public"] == PUBLIC
    assert found["internal"] == INTERNAL
    assert "/auth/me" in found["bearer"]

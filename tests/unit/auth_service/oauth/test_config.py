"""Providers as configuration."""

import json
from typing import Any

import pytest

from auth_service.oauth.config import ProviderConfig, parse_providers
from chassis.lifecycle import Fatal

SECRET = {"client_id": "me", "client_secret": "hush-hush"}


def test_google_and_github_know_where_they_are() -> None:
    found = parse_providers(json.dumps({"google": SECRET, "github": SECRET}))
    assert found["google"].issuer == "https://accounts.google.com"
    assert found["google"].may_ask("https://oauth2.googleapis.com/token")
    assert (found["github"].kind, found["github"].title) == ("github", "GitHub")
    assert found["github"].may_ask("https://api.github.com/user")


def test_another_one_needs_its_issuer_and_may_have_a_title() -> None:
    fields = {**SECRET, "issuer": "https://login.example.org/realm", "title": "Work"}
    assert parse_providers(json.dumps({"work": fields}))["work"].title == "Work"
    assert parse_providers("") == parse_providers("{}") == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nonsense", "JSON"),
        ("[]", "JSON"),
        ('{"a": 1}', "JSON"),
        (json.dumps({"Work": {**SECRET, "issuer": "https://x"}}), "Work"),
        (json.dumps({"../x": {**SECRET, "issuer": "https://x"}}), "begin with a letter"),
        (json.dumps({"exchange": {**SECRET, "issuer": "https://x"}}), "word of ours"),
        (json.dumps({"work": SECRET}), "issuer"),
        (json.dumps({"work": {"issuer": "https://x"}}), "client_id"),
        (json.dumps({"work": {**SECRET, "issuer": "https://x", "secret": "x"}}), "work"),
        (json.dumps({"work": {**SECRET, "issuer": "http://login.example.org"}}), "https://"),
        (json.dumps({"work": {**SECRET, "issuer": "https://login.example.org/?x=1"}}), "https://"),
        (json.dumps({"work": {**SECRET, "issuer": "https://me:pw@login.example.org"}}), "https://"),
        (json.dumps({"work": {**SECRET, "issuer": 7}}), "issuer"),
    ],
)
def test_a_mistake_is_told_without_the_secret(text: str, what: str) -> None:
    with pytest.raises(Fatal, match="OAUTH_PROVIDERS") as caught:
        parse_providers(text)
    assert what in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://login.example.org/token", True),
        ("https://keys.example.org/jwks", True),
        ("https://keys.example.org:8443/jwks", False),
        ("https://login.example.org:8443/token", False),
        ("http://login.example.org/token", False),
        ("https://other.example.org/token", False),
        ("https://login.example.org@evil.example/token", False),
        ("https://evil.example/login.example.org", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("file:///etc/passwd", False),
        ("https://[::1", False),
    ],
)
def test_only_known_hosts_are_asked(url: str, allowed: bool) -> None:
    fields: dict[str, Any] = {"issuer": "https://login.example.org", "hosts": ("keys.example.org",)}
    assert ProviderConfig(client_id="me", **fields).may_ask(url) is allowed

"""Which providers there are: one JSON object, checked as a whole before anything starts.

    {"google": {"client_id": "…", "client_secret": "…"},
     "company": {"issuer": "https://login.example.org", "client_id": "…", "client_secret": "…", "title": "Example"}}

`google` and `github` know where they are; any other one needs its `issuer`, whose OpenID Connect discovery document
says the rest. Requests go to the host of the issuer and to `hosts`, to nobody else, whatever that document says.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from chassis.lifecycle import Fatal

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
Kind = Literal["oidc", "github"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "google": {
        "title": "Google",
        "issuer": "https://accounts.google.com",
        "hosts": ["oauth2.googleapis.com", "www.googleapis.com", "openidconnect.googleapis.com"],
    },
    "github": {"title": "GitHub", "issuer": "https://github.com", "kind": "github", "hosts": ["api.github.com"]},
}


class ProviderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider."""

    client_id: str
    issuer: str
    client_secret: str = ""  # a public client has none: PKCE is always used
    title: str = ""
    kind: Kind = "oidc"
    scope: str = ""
    hosts: tuple[str, ...] = ()  # beside the issuer's
    trust_email: bool = True  # False: its word about addresses is worth nothing

    def may_ask(self, url: str) -> bool:
        """Whether that is a URL of this provider: one of its hosts, by https unless it is this machine."""
        try:
            parts = urlsplit(url)
            host, port, home = parts.hostname or "", parts.port, urlsplit(self.issuer)
        except ValueError:
            return False
        secure = parts.scheme == "https" or (parts.scheme == "http" and home.scheme == "http")
        known = (host, port) == (home.hostname, home.port) or (host in self.hosts and port is None)
        return secure and known and "@" not in parts.netloc


def parse_providers(text: str) -> dict[str, ProviderConfig]:
    """The providers by name.

    Raises:
        Fatal: naming the provider and the field, never a value, which may be a secret.
    """
    try:
        raw = msgspec.json.decode(text or "{}", type=dict[str, dict[str, Any]])
    except (msgspec.MsgspecError, ValueError):
        raise Fatal("OAUTH_PROVIDERS must be a JSON object of objects, one for each provider") from None
    return {name: _parse(name, fields) for name, fields in raw.items()}


def _parse(name: str, fields: dict[str, Any]) -> ProviderConfig:
    if NAME.fullmatch(name) is None or name == "exchange":
        raise Fatal(f"OAUTH_PROVIDERS: {name!r} must be of a-z 0-9 -, begin with a letter, and not be a word of ours")
    try:
        config = msgspec.convert({"title": name.capitalize(), **PRESETS.get(name, {}), **fields}, ProviderConfig)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("`$")[2].strip(".`") or str(error)
        raise Fatal(f"OAUTH_PROVIDERS: {name}: {where} is missing or not what it should be") from None
    if not config.client_id or not _is_issuer(config.issuer):
        raise Fatal(f"OAUTH_PROVIDERS: {name}: issuer must be an https:// URL, client_id must not be empty")
    return config


def _is_issuer(url: str) -> bool:
    """An https URL without query and fragment (OpenID Connect Discovery 1.0, section 3); http on this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_loopback(host: str) -> bool:
    """Whether that is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

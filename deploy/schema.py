"""The settings in values.schema.json, from the services' own classes; `python -m deploy.schema` writes them anew.

The rest of the schema is written by hand. A setting that the chart decides by itself, or that is in a Secret, cannot be
given as plain text.
"""

import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from chassis.kafka import KafkaSettings

CHART = Path(__file__).parent / "helm" / "parley"
SCHEMA = CHART / "values.schema.json"
KAFKA = "kafka"  # its settings are given once, for all services that speak to it
# By their names in the chart, the packages without `_service`.
SERVICES = {"auth": "auth", "profile": "profile", "chat": "chat", "gateway": "gateway", "notifications": "notification"}
# What the templates set: ports, addresses, and what follows from drain.seconds.
DECIDED = frozenset({"SERVICE_NAME", "POD_NAME", "PORT", "OPS_PORT", "DRAIN_PAUSE_SECONDS", "DRAIN_SECONDS"}) | {
    "STOP_SECONDS",
    "AUTH_URL",
    "PROFILE_URL",
    "CHAT_URL",
    "CHAT_URLS",
    "CHAT_SERVICE",
}
_SECRET = re.compile(
    r"(DATABASE|REDIS|BROKER|SMTP)_URL|.*(PASSWORD|SECRET|SECRETS|CREDENTIALS)|.*_(API|PRIVATE)_KEY|OAUTH_PROVIDERS"
)


def settings_of(service: str) -> type[msgspec.Struct]:
    """The class that reads the environment of a service, by its name in the chart."""
    found: type[msgspec.Struct] = importlib.import_module(f"{SERVICES[service]}_service.settings").Settings
    return found


def is_secret(name: str) -> bool:
    """Whether a variable holds what nobody may read in the values."""
    return _SECRET.fullmatch(name) is not None


def definitions() -> dict[str, Any]:
    """What the schema says of the settings, secrets and files of each service, by the names of its definitions."""
    found: dict[str, Any] = {}
    for service in (KAFKA, *SERVICES):
        free = {
            name: kind
            for name, kind in variables(KafkaSettings if service == KAFKA else settings_of(service)).items()
            if name not in DECIDED and (name.startswith("KAFKA_") == (service == KAFKA)) and name != "KAFKA_URL"
        }
        files = {name for name in free if name.endswith("_FILE")}
        plain = {name: kind for name, kind in free.items() if name not in files and not is_secret(name)}
        found[f"{service}-settings"] = _object(plain)
        found[f"{service}-secrets"] = _object({name: _REF for name in free if name not in files})
        found[f"{service}-secret-files"] = _object(dict.fromkeys(files, _REF))
    return found


def variables(model: type[msgspec.Struct]) -> dict[str, Any]:
    """The variables that a class reads, and what JSON Schema says of each."""
    (body,) = msgspec.json.schema(model)["$defs"].values()
    return {name.upper(): _value(kind) for name, kind in body["properties"].items()}


_REF = {"$ref": "#/$defs/secretKey"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(sorted(properties.items()))}


def _value(kind: Mapping[str, Any]) -> dict[str, Any]:
    """What a variable may be in the values: lists also as one text, `on` and `off` also without quotes."""
    if "anyOf" in kind:
        (kind,) = [choice for choice in kind["anyOf"] if choice.get("type") != "null"]
    kept = {key: value for key, value in kind.items() if key not in ("default", "title", "description")}
    if kept.get("type") == "array":
        return {"type": ["array", "string"], "items": {"type": "string"}}
    if set(kept.get("enum", ())) == {"on", "off"}:
        return {"enum": ["on", "off", True, False]}
    return kept


def written_anew(text: str) -> str:
    """The schema with the settings as the code has them now."""
    schema = json.loads(text)
    ours = re.compile("-(settings|secrets|secret-files)$")
    kept = {name: body for name, body in schema["$defs"].items() if not ours.search(name)}
    schema["$defs"] = kept | definitions()
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(written_anew(SCHEMA.read_text()))
    sys.exit(0)

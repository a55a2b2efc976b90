"""The environments of what is started."""

import os
from collections.abc import Mapping

# What an engine needs of ours. The rest could change its behaviour behind our back (PGDATA, PGOPTIONS, LISTENER_URL).
FOR_ENGINES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

# Ours, and not for the services: each gets its own value or none.
OURS = frozenset({"PORT", "HOST", "OPS_PORT", "DATA_DIR", "DATABASE_URL", "APP_ROLE", "POSTGRES_URL", "REDIS_URL"}) | {
    "KAFKA_URL",
    "SERVICE_NAME",
    "POD_NAME",
    "SIGNING_KEYS_FILE",
    "FCM_CREDENTIALS_FILE",
    "FCM_URL",
    "FCM_TOKEN_URL",
    "SMTP_URL",
    "SMTP_PORT",
    "PUBLIC_URL",
}


def for_engines(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of an engine: little, and the same language everywhere.

    LC_ALL must be set on macOS: without it PostgreSQL starts a thread for the locale and refuses to go on.
    """
    return {name: environment[name] for name in FOR_ENGINES if name in environment} | {"LC_ALL": "C", "TZ": "UTC"}


def for_services(environment: Mapping[str, str]) -> dict[str, str]:
    """What of our environment services may see: all but what is ours."""
    return {name: value for name, value in environment.items() if name not in OURS}

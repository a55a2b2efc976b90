"""What a release stands on: databases, Redis and Kafka outside of the cluster, and the Secret that names them."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from auth_service import keys
from devstack.databases import drop_database, ensure_database
from devstack.engines import Engines

DATABASES = ("auth", "profile", "chat")


class Ground(msgspec.Struct, frozen=True):
    """Arguments:
    secret: what the Secret holds.
    values: of the chart.
    kafka_url: where events are heard, from here too.
    """

    secret: dict[str, str]
    values: dict[str, Any]
    kafka_url: str


@contextlib.asynccontextmanager
async def engines_at(host: str, folder: Path) -> AsyncIterator[tuple[str, str, str]]:
    """Engines from wheels at an address that pods can reach; the URLs of PostgreSQL, Redis and Kafka."""
    async with Engines.start(folder, kafka=True, durable=False, host=host) as engines:
        yield engines.postgres_url, engines.redis_url, engines.kafka_url


@contextlib.asynccontextmanager
async def ground(name: str, postgres_url: str, redis_url: str, kafka_url: str, folder: Path) -> AsyncIterator[Ground]:
    """Databases of our own on a server, removed at the end.

    Arguments:
        name: what theirs begin with.
        postgres_url: of a role that may make databases.
        redis_url: of a server that nobody else uses.
        kafka_url: kafka://host:port.
        folder: for the signing keys.
    """
    password = secrets.token_hex(16)
    databases = {one: f"{name}-{one}" for one in DATABASES}
    try:
        secret = {
            f"{one}-database-url": await ensure_database(postgres_url, database, password)
            for one, database in databases.items()
        }
        file = folder / "signing-keys.json"
        keys.create(file)
        secret |= {"redis-url": redis_url, "signing-keys.json": file.read_text()}
        # For an upgrade that fails: nobody has this password.
        wrong = urlsplit(secret["chat-database-url"])
        netloc = f"{wrong.username}:wrong@{wrong.hostname}:{wrong.port}"
        secret["wrong-database-url"] = wrong._replace(netloc=netloc).geturl()
        yield Ground(secret, _values(postgres_url, redis_url, kafka_url), kafka_url)
    finally:
        for database in databases.values():
            await drop_database(postgres_url, database)


def _values(postgres_url: str, redis_url: str, kafka_url: str) -> dict[str, Any]:
    """The engines' addresses, and pods that are small enough for any cluster; all clients come from one address."""
    small = {"requests": {"cpu": "50m", "memory": "128Mi"}}
    service = {"settings": {"RATE_LIMITS": "off"}, "resources": small}
    return {
        "kafka": {"url": kafka_url},
        "networkPolicy": {
            "postgres": {"ports": [urlsplit(postgres_url).port or 5432]},
            "redis": {"ports": [urlsplit(redis_url).port or 6379]},
            "kafka": {"ports": [urlsplit(kafka_url).port or 9092]},
        },
        "auth": service,
        "profile": {"resources": small},
        "chat": {**service, "replicas": 2},
        "gateway": {**service, "service": {"type": "NodePort"}},
    }

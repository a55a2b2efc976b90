"""Wires the profile service; opens nothing by itself."""

from typing import cast

import httpx
import msgspec

from chassis.app import check_access_marks
from chassis.app import create_app as create_quart
from chassis.asgi import App
from chassis.consumer import Consumer
from chassis.identity import Owner, remote_guard
from chassis.kafka import kafka_of
from chassis.lifecycle import Closing, Lifecycle
from chassis.migrations import Migrations
from chassis.outbox import OutboxRelay
from chassis.postgres import Postgres
from chassis.redis import connect
from chassis.service import Service
from contracts import internal, keys
from contracts.events import USER_TOPIC, Event

from .directory import Directory
from .events import UserEvents
from .examples import EXAMPLES
from .profiles import Profiles
from .routes.internal import internal_routes
from .routes.profiles import WhoConverter, profile_routes
from .settings import Settings


def create_app(settings: Settings) -> Service:
    """The profile service."""
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    http = httpx.AsyncClient(
        timeout=settings.lookup_seconds,
        limits=httpx.Limits(max_connections=2 * settings.lookup_concurrency + 8),
        trust_env=False,
    )
    redis = connect(settings.redis_url)
    postgres = Postgres(settings.database_url, Migrations("profile_service"), size=settings.database_connections)
    directory = Directory(
        http, settings.auth_url, concurrency=settings.lookup_concurrency, seconds=settings.lookup_seconds
    )
    lifecycle.add("clients", Closing(http.aclose, redis.aclose))
    lifecycle.add("postgres", postgres)
    lifecycle.add(
        "user events",
        Consumer(
            kafka_of(settings),
            group="profile",
            topics=[USER_TOPIC],
            decode=msgspec.json.Decoder(Event).decode,
            handle=UserEvents(postgres).apply,
        ),
    )
    lifecycle.add(
        "outbox",
        OutboxRelay(
            kafka_of(settings),
            settings.database_url,
            USER_TOPIC,
            retention_seconds=settings.outbox_retention_seconds,
        ),
    )

    app = create_quart(
        "profile_service",
        title="Parley: profiles",
        max_body_bytes=settings.max_body_bytes,
        verify=remote_guard(http, redis, owner(settings.auth_url)),
        examples=EXAMPLES,
    )
    app.url_map.converters["who"] = WhoConverter
    profiles = Profiles(postgres, directory)
    app.register_blueprint(profile_routes(profiles))
    app.register_blueprint(internal_routes(profiles))
    check_access_marks(app)
    return Service(cast("App", app), lifecycle)


def owner(auth_url: str) -> Owner:
    """How this service knows the one that owns accounts."""
    return Owner(
        url=auth_url,
        jwks_path=internal.JWKS_PATH,
        session_path=internal.SESSION_PATH,
        issuer=internal.TOKEN_ISSUER,
        audience=internal.TOKEN_AUDIENCE,
        revoked_key=keys.revoked_session,
        sentinel_key=keys.REVOCATIONS_SENTINEL,
    )

"""Wires the notification service; opens nothing by itself."""

from typing import cast

import httpx
import msgspec

from chassis.app import check_access_marks
from chassis.app import create_app as create_quart
from chassis.asgi import App
from chassis.consumer import Consumer
from chassis.kafka import kafka_of
from chassis.lifecycle import Closing, Lifecycle
from chassis.migrations import Migrations
from chassis.postgres import Postgres
from chassis.service import Service
from contracts.events import CHAT_TOPIC, USER_TOPIC, Event

from .events import Events, Welcome
from .housekeeping import INTERVAL_SECONDS, Housekeeping
from .looks import Looks
from .neighbours import Neighbours
from .pushes import Pushes
from .senders.access import AccessTokens
from .senders.bucket import Bucket
from .senders.fcm import Fcm
from .settings import Settings
from .turns import Turns

LOOK_SECONDS = 0.25  # between looks for messages that have become due


def create_app(settings: Settings) -> Service:
    """The notification service."""
    lifecycle = Lifecycle(stop_seconds=max(settings.stop_seconds, settings.fcm_seconds + 5))
    client = httpx.AsyncClient(timeout=2.0, trust_env=False, limits=httpx.Limits(max_connections=30))
    database = Postgres(settings.database_url, Migrations("notification_service"), size=settings.database_connections)
    neighbours = Neighbours(client, auth=settings.auth_url, profile=settings.profile_url, chat=settings.chat_urls)
    proxy = settings.fcm_proxy
    fcm = Fcm(
        AccessTokens(settings.fcm_credentials_file, settings.fcm_token_url, proxy),
        settings.fcm_url,
        seconds=settings.fcm_seconds,
        life_seconds=settings.message_seconds,
        connections=settings.sends_at_once,
        proxy=proxy,
    )
    pushes = Pushes(
        database,
        {"fcm": fcm},
        Bucket(settings.fcm_per_second),
        at_once=settings.sends_at_once,
        seconds=settings.fcm_seconds,
        claim_seconds=settings.claim_seconds,
        life_seconds=settings.message_seconds,
    )
    looks = Looks(
        database,
        neighbours,
        away_seconds=settings.away_seconds,
        claim_seconds=settings.claim_seconds,
        on_pushes=pushes.wake,
    )
    looking = Turns("looks", looks.turn, idle_seconds=LOOK_SECONDS)
    events = Events(
        database,
        Welcome(settings.welcome_title, settings.welcome_text, settings.welcome_seconds),
        message_seconds=settings.message_seconds,
        on_messages=looking.wake,
        on_pushes=pushes.wake,
    )
    lifecycle.add("client", Closing(client.aclose))
    lifecycle.add("postgres", database)
    lifecycle.add("fcm", fcm)
    lifecycle.add(
        "housekeeping", Turns("housekeeping", Housekeeping(database, neighbours).turn, idle_seconds=INTERVAL_SECONDS)
    )
    lifecycle.add("pushes", pushes)
    lifecycle.add("looks", looking)
    lifecycle.add(
        "events",
        Consumer(
            kafka_of(settings),
            group="notifications",
            topics=[USER_TOPIC, CHAT_TOPIC],
            decode=msgspec.json.Decoder(Event).decode,
            handle=events.apply,
            handle_all=events.apply_all,
            dead_letter=events.keep,
        ),
    )
    app = create_quart(
        "notification_service", title="Parley: notifications", max_body_bytes=settings.max_body_bytes, verify=None
    )
    check_access_marks(app)
    return Service(cast("App", app), lifecycle)

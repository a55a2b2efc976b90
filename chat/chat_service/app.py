"""The only wiring of chat: what exists once per process, in the order in which it starts."""

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
from contracts.events import CHAT_TOPIC, USER_TOPIC, Event

from . import store
from .changes import Changes
from .examples import EXAMPLES
from .exports import Exports
from .messages import Messages
from .people import People
from .realtime.admission import Admission
from .realtime.again import Again
from .realtime.arrivals import Arrivals
from .realtime.authors import Authors
from .realtime.bells import Bells
from .realtime.broker import Broker
from .realtime.canary import Canary
from .realtime.changing import Changing
from .realtime.commands import Commands
from .realtime.direct_rooms import DirectRooms
from .realtime.epoch import Epoch
from .realtime.feed import Feed
from .realtime.greetings import Greetings
from .realtime.heads import Heads
from .realtime.hub import Hub
from .realtime.keeper import Keeper
from .realtime.leases import Leases
from .realtime.ledger import Ledger
from .realtime.membership import MembershipChanges
from .realtime.partners import Partners
from .realtime.presence import Presence
from .realtime.revoked import RevokedSessions
from .realtime.sending import Sending
from .realtime.session import Limits
from .realtime.sightings import Sightings
from .realtime.socketio.answers import Answers
from .realtime.socketio.door import Door
from .realtime.socketio.server import MOST_PING_SECONDS, MOST_PONG_SECONDS, SocketIO
from .realtime.sweep import Sweep
from .realtime.traces import traced_bells, traced_commits
from .realtime.typists import Typists
from .rooms import Rooms
from .routes import internal as internal_routes
from .routes import messages as message_routes
from .routes import rooms as room_routes
from .routes import socket as socket_routes
from .settings import Settings
from .standings import Standings
from .user_events import UserEvents


def create_app(settings: Settings) -> Service:
    """The chat service; opens nothing by itself."""
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    client = httpx.AsyncClient(timeout=1.0, trust_env=False, limits=httpx.Limits(max_connections=20))
    redis = connect(settings.redis_url)
    tickets = connect(settings.redis_url, seconds=socket_routes.TICKET_ANSWER_SECONDS)
    epoch = Epoch()
    database = Postgres(
        settings.database_url,
        Migrations("chat_service"),
        size=settings.database_connections,
        settings=store.SESSION_SETTINGS,
        on_connect=epoch.seen,
    )
    guard = remote_guard(client, redis, owner(settings.auth_url))
    people = People(database, client, settings.auth_url)

    hub = Hub()
    feed = Feed(database, hub, hold_seconds=settings.repair_hold_seconds)
    bells = Bells(settings.pod_name, hub, feed)
    on_cluster = settings.broker_mode == "sharded"
    broker_url = settings.broker_url or settings.redis_url
    is_traced = settings.otel_traces_exporter != "none"
    hear = traced_bells(hub, bells.hear) if is_traced else bells.hear
    broker = Broker(broker_url, hear, on_cluster=on_cluster)
    apart = on_cluster or broker_url != settings.redis_url
    control = Broker(settings.redis_url, bells.hear) if apart else broker  # what other services ring, they ring there
    heads = Heads(database, feed, broker)
    canary = Canary(broker, settings.pod_name)
    feed.use(broker)
    bells.use(broker, control)
    committed = traced_commits(hub, feed.committed) if is_traced else feed.committed
    ledger = Ledger(database, committed, queue=settings.ledger_queue, batch=settings.ledger_batch)
    leases = Leases(
        redis,
        settings.pod_name,
        lease_seconds=settings.presence_lease_seconds,
        grace_seconds=settings.presence_grace_seconds,
    )
    sightings = Sightings()
    direct_rooms = DirectRooms(database, leases)
    greetings = Greetings(direct_rooms, leases, sightings)
    partners = Partners(database, hub, bells, leases, direct_rooms, greetings, sightings)
    presence = Presence(leases, partners, greetings, hub, sightings)
    keeper = Keeper(heartbeat_seconds=settings.heartbeat_seconds, dead_after_seconds=settings.dead_after_seconds)
    arrivals = Arrivals(database, hub, feed, broker, presence, settings.heartbeat_seconds)
    rooms = Rooms(database, people, bells, presence)
    limited = settings.rate_limits == "on"
    limits = Limits(settings.frames_per_second if limited else 0, settings.frame_burst)
    changes = Changes(database, feed, presence)
    sending = Sending(database, hub, ledger, arrivals)
    typists = Typists(hub, bells.typing, silence_seconds=settings.typing_seconds)
    commands = Commands(database, sending, Changing(changes), arrivals, bells, guard, keeper, limits, typists)
    membership = MembershipChanges(database, hub, arrivals, rooms)
    bells.on_membership, bells.on_renamed = membership.heard, membership.renamed
    revoked = RevokedSessions(redis, keeper)
    epoch.use(feed, arrivals)
    sweep = Sweep(database, hub, feed.repairs, broker)
    again = Again(broker, feed, bells, heads)
    broker.on_up = [sweep.ask, membership.compare, again.ask, partners.bells_are_back]
    broker.on_down = [sweep.ask, partners.bells_are_gone]
    control.on_up += [revoked.ask, presence.renew]
    bells.on_presence, bells.on_typing = partners.hear, typists.heard
    bells.on_revoked = keeper.end_session
    authors = Authors(people, hub)
    bells.on_person = authors.changed
    bells.on_heads, bells.on_canary = heads.hear, canary.hear

    lifecycle.add("clients", Closing(client.aclose, redis.aclose, tickets.aclose))
    lifecycle.add("postgres", database)
    lifecycle.add("epoch", epoch)
    lifecycle.add("broker", broker)
    if apart:
        lifecycle.add("control", control)
    lifecycle.add("bells", bells)
    lifecycle.add("authors", authors)
    lifecycle.add("heads", heads)
    lifecycle.add("canary", canary)
    lifecycle.add("again", again)
    lifecycle.add("feed", feed)
    lifecycle.add("sweep", sweep)
    lifecycle.add("membership", membership)
    lifecycle.add("ledger", ledger)
    lifecycle.add(
        "outbox",
        OutboxRelay(
            kafka_of(settings),
            settings.database_url,
            CHAT_TOPIC,
            retention_seconds=settings.outbox_retention_seconds,
            on_sent=heads.ring,
        ),
    )
    lifecycle.add("greetings", greetings)
    lifecycle.add("partners", partners)
    lifecycle.add(
        "user events",
        Consumer(
            kafka_of(settings),
            group="chat",
            topics=[USER_TOPIC],
            decode=msgspec.json.Decoder(Event).decode,
            handle=UserEvents(database, bells).apply,
        ),
    )
    lifecycle.add("presence", presence)
    lifecycle.add("keeper", keeper)
    lifecycle.add("revoked sessions", revoked)
    lifecycle.add_check("bells", canary.not_ready)
    lifecycle.on_drain(keeper.drain)

    answers = Answers(database, rooms, ledger, arrivals, bells, guard, keeper)
    socketio = SocketIO(
        guard,
        people,
        arrivals,
        keeper,
        commands,
        answers,
        ping_seconds=min(settings.heartbeat_seconds, MOST_PING_SECONDS),
        pong_seconds=max(1, min(settings.dead_after_seconds - settings.heartbeat_seconds, MOST_PONG_SECONDS)),
    )
    lifecycle.add("socketio", socketio)
    admission = Admission(most=settings.sockets_per_pod, per_second=settings.new_sockets_per_second if limited else 0)

    app = create_quart(
        "chat_service",
        title="Parley: chat",
        max_body_bytes=settings.max_body_bytes,
        verify=guard,
        examples=EXAMPLES,
    )
    app.register_blueprint(room_routes.blueprint(rooms, people))
    messages = Messages(database, ledger, bells, presence)
    app.register_blueprint(message_routes.blueprint(messages, changes, rooms, people))
    app.register_blueprint(internal_routes.blueprint(Standings(database, presence), Exports(database)))
    app.register_blueprint(
        socket_routes.blueprint(
            guard,
            tickets,
            people,
            arrivals,
            keeper,
            commands,
            admission,
            handover_allowed=settings.handover == "on",
        )
    )
    check_access_marks(app)
    inner = cast("App", app.asgi_app)
    door = Door(inner, socketio, admission, keeper, pod_name=settings.pod_name, most=settings.sockets_per_pod)
    app.asgi_app = door  # type: ignore[method-assign,assignment]
    return Service(cast("App", app), lifecycle)


def owner(auth_url: str) -> Owner:
    """How chat knows the service of accounts."""
    return Owner(
        url=auth_url,
        jwks_path=internal.JWKS_PATH,
        session_path=internal.SESSION_PATH,
        issuer=internal.TOKEN_ISSUER,
        audience=internal.TOKEN_AUDIENCE,
        revoked_key=keys.revoked_session,
        sentinel_key=keys.REVOCATIONS_SENTINEL,
    )

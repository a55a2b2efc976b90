"""The wiring of the gateway."""

from functools import partial
from pathlib import Path
from typing import cast

import httpx

from chassis import app as chassis_app
from chassis import redis
from chassis.asgi import App
from chassis.lifecycle import Closing, Fatal, Lifecycle
from chassis.revocations import Revocations
from chassis.service import Service
from chassis.tokens import RemoteKeys, TokenVerifier
from contracts import internal, keys

from . import website
from .addresses import Addresses
from .admission import Admission, rates_of
from .browsers import BrowserSessions
from .gateway import Gateway
from .limits import Limits
from .openapi import MergedDocument, OneDocument
from .origins import Origins
from .pods import Pods, Resolver, place_of, split_service
from .pool import Pool
from .proxy import Deadlines, Proxy
from .routes import AUTH, CHAT, PROFILE, Router
from .sessions import ask_auth
from .settings import Settings
from .sockets import Sockets
from .status import Status
from .warmup import WarmUp
from .webclient import WebClient

CLIENT_SECONDS = 2.0
KEYS_GAP_SECONDS = 0.2  # between two questions for the signing keys: at the start auth may be later than we are


def create_app(settings: Settings) -> Service:
    """The gateway, not yet started.

    Raises:
        Fatal: the settings contradict each other.
    """
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    client = httpx.AsyncClient(timeout=CLIENT_SECONDS, follow_redirects=False, trust_env=False)
    lifecycle.add("http client", Closing(client.aclose))
    store = redis.connect(settings.redis_url)
    lifecycle.add("redis", Closing(store.aclose))
    services = create_services(settings, lifecycle)

    auth_url = settings.auth_url.rstrip("/")
    public_keys = RemoteKeys(client, auth_url + internal.JWKS_PATH, min_gap_seconds=KEYS_GAP_SECONDS)
    verifier = TokenVerifier(public_keys, issuer=internal.TOKEN_ISSUER, audience=internal.TOKEN_AUDIENCE)
    revocations = Revocations(
        store, key=keys.revoked_session, sentinel=keys.REVOCATIONS_SENTINEL, ask=ask_auth(client, auth_url)
    )
    limits = Limits(store, enabled=settings.rate_limits == "on")
    lifecycle.add("warm-up", WarmUp(public_keys, limits))
    admission = Admission(verifier, limits, revocations, rates_of(settings))
    origins = Origins(settings.allowed_origins)
    router = Router()
    sockets = Sockets(
        services[CHAT],
        admission,
        origins,
        client,
        connect_seconds=settings.connect_seconds,
        handshake_seconds=settings.handshake_seconds,
        idle_seconds=settings.idle_seconds,
    )
    lifecycle.on_drain(sockets.drain)

    pages = chassis_app.create_app(
        "gateway_service", title="Parley gateway", max_body_bytes=settings.max_body_bytes, verify=None
    )
    web = WebClient(Path(settings.web_dir) if settings.web_dir else None)
    events = OneDocument(services[CHAT], "/asyncapi.json", client)
    website.register(pages, Status(services, client), MergedDocument(services, router, client), events, web)
    chassis_app.check_access_marks(pages)
    addresses = Addresses(settings.trusted_proxies)
    proxy = Proxy(
        services,
        max_body_bytes=settings.max_body_bytes,
        deadlines=Deadlines(response=settings.response_seconds, idle=settings.idle_seconds),
    )
    gateway = Gateway(
        cast("App", pages),
        router=router,
        addresses=addresses,
        origins=origins,
        admission=admission,
        proxy=proxy,
        sockets=sockets,
        browsers=BrowserSessions(proxy, addresses),
    )
    return Service(gateway, lifecycle)


def create_services(settings: Settings, lifecycle: Lifecycle) -> dict[str, Pods]:
    """The pods of each service."""
    make = partial(
        Pool,
        connect_seconds=settings.connect_seconds,
        idle_seconds=settings.pooled_seconds,
        max_idle=settings.pooled_connections,
    )
    make_pool = partial(make, max_open=settings.max_connections)
    make_polls = partial(make, max_open=settings.max_polls)
    if bool(settings.chat_urls) == bool(settings.chat_service):
        raise Fatal("exactly one of CHAT_URLS and CHAT_SERVICE must be set")
    services = {
        AUTH: Pods(AUTH, [place_of(settings.auth_url)], make_pool),
        PROFILE: Pods(PROFILE, [place_of(settings.profile_url)], make_pool),
        CHAT: Pods(CHAT, [place_of(url) for url in settings.chat_urls], make_pool, make_polls),
    }
    for pods in services.values():
        lifecycle.add(f"connections to {pods.service}", Closing(pods.close))
    if settings.chat_service:
        host, port = split_service(settings.chat_service)
        lifecycle.add("resolver", Resolver(services[CHAT], host, port, settings.pods_refresh_seconds))
    return services

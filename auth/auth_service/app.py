"""The wiring of the auth service, and nothing else."""

from pathlib import Path
from typing import cast

import httpx
import msgspec

from chassis import redis
from chassis.app import check_access_marks
from chassis.app import create_app as create_quart
from chassis.asgi import App
from chassis.consumer import Consumer
from chassis.kafka import kafka_of
from chassis.lifecycle import Closing, Lifecycle
from chassis.migrations import Migrations
from chassis.outbox import OutboxRelay
from chassis.postgres import Postgres
from chassis.revocations import Guard, Revocations
from chassis.service import Service
from chassis.tokens import TokenVerifier
from contracts import keys
from contracts.events import USER_TOPIC, Event
from contracts.internal import TOKEN_AUDIENCE, TOKEN_ISSUER

from .accounts import Accounts
from .addresses import parse_networks
from .credentials import Credentials
from .deletion import Deletion
from .devices import Devices
from .directory import Directory
from .emails import Emails
from .examples import EXAMPLES
from .export import Export
from .hashing import Hasher
from .housekeeping import Housekeeping
from .identities import Identities
from .keyring import KeyRing
from .mail.postman import MailSettings, Postman
from .mail.queue import MailQueue
from .mail.smtp import parse_smtp_url
from .mail.writing import check_sender
from .oauth.config import ProviderConfig, parse_providers
from .oauth.fetching import make_client
from .oauth.github import GitHubProvider
from .oauth.logins import OAuthLogins
from .oauth.oidc import OidcProvider
from .oauth.pending import PendingLogins
from .oauth.provider import Provider
from .oauth.targets import Targets
from .revocations import Revoker
from .routes import accounts as account_routes
from .routes import devices as device_routes
from .routes import emails as email_routes
from .routes import internal as internal_routes
from .routes import oauth as oauth_routes
from .routes import sessions as session_routes
from .routes import tokens as token_routes
from .routes import users as user_routes
from .routes.caller import caller
from .sessions import Sessions
from .settings import Settings
from .strength import Strength
from .throttle import Quota, Throttle
from .tickets import Tickets
from .tokens import TokenIssuer
from .user_events import UserEvents


def create_app(settings: Settings) -> Service:
    """The auth service; nothing is opened before its lifecycle starts.

    Raises:
        Fatal: a setting cannot be used.
    """
    trusted = parse_networks(settings.trusted_proxies)
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    key_ring = KeyRing(Path(settings.signing_keys_file))
    postgres = Postgres(settings.database_url, Migrations("auth_service"), size=settings.postgres_pool_size)
    client = redis.connect(settings.redis_url)
    hasher = Hasher(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
        threads=settings.hashing_threads,
        queue=settings.hashing_queue,
    )
    revoker = Revoker(
        postgres,
        client,
        access_seconds=settings.access_token_seconds,
        check_seconds=settings.revocation_check_seconds,
    )
    lifecycle.add("signing keys", key_ring)
    lifecycle.add("redis", Closing(client.aclose))
    lifecycle.add("postgres", postgres)
    lifecycle.add("hasher", hasher)
    lifecycle.add(
        "outbox",
        OutboxRelay(
            kafka_of(settings),
            settings.database_url,
            USER_TOPIC,
            retention_seconds=settings.outbox_retention_seconds,
        ),
    )
    lifecycle.add(
        "user events",
        Consumer(
            kafka_of(settings),
            group="auth",
            topics=[USER_TOPIC],
            decode=msgspec.json.Decoder(Event).decode,
            handle=UserEvents(postgres).apply,
        ),
    )
    lifecycle.add("revoker", revoker)
    lifecycle.add("housekeeping", Housekeeping(postgres))
    server = parse_smtp_url(settings.smtp_url) if settings.smtp_url is not None else None
    queue = MailQueue(enabled=server is not None)
    check_sender(settings.mail_from)
    mails = MailSettings(
        settings.mail_from,
        settings.public_url,
        {"verify_email": settings.verification_seconds, "reset_password": settings.password_reset_seconds},
    )
    lifecycle.add("postman", Postman(postgres, queue, server, mails))

    issuer = TokenIssuer(
        key_ring, issuer=TOKEN_ISSUER, audience=TOKEN_AUDIENCE, lifetime_seconds=settings.access_token_seconds
    )
    sessions = Sessions(
        postgres,
        issuer,
        revoker,
        refresh_seconds=settings.refresh_token_seconds,
        grace_seconds=settings.refresh_grace_seconds,
    )
    throttle = Throttle(
        client,
        limit=settings.login_failures,
        address_limit=settings.login_address_failures,
        window_seconds=settings.login_failures_seconds,
        enabled=settings.rate_limits == "on",
    )
    credentials = Credentials(postgres, hasher, Strength(settings.common_passwords), throttle)
    accounts = Accounts(postgres, hasher, credentials, throttle, sessions, revoker, queue)
    quota = Quota(
        client,
        keys.mail_quota,
        limit=settings.mails_per_hour,
        address_limit=settings.mails_per_hour_and_address,
        enabled=settings.rate_limits == "on",
    )
    emails = Emails(postgres, queue, quota, credentials, throttle, sessions, revoker)
    deletion = Deletion(
        postgres, credentials, throttle, sessions, revoker, retired_seconds=settings.retired_username_seconds
    )
    beside = httpx.AsyncClient(trust_env=False)
    lifecycle.add("other services", Closing(beside.aclose))
    export_quota = Quota(
        client,
        keys.export_quota,
        limit=settings.exports_per_day,
        window_seconds=24 * 3600,
        enabled=settings.rate_limits == "on",
    )
    export = Export(postgres, beside, settings.profile_url, settings.chat_url, export_quota)
    elsewhere = make_client()
    lifecycle.add("providers", Closing(elsewhere.aclose))
    logins = OAuthLogins(
        postgres,
        PendingLogins(client),
        {name: provider_of(config, elsewhere) for name, config in parse_providers(settings.oauth_providers).items()},
        Targets(settings.public_url, settings.oauth_redirects),
        sessions,
        settings.public_url,
    )
    directory = Directory(postgres)
    revocations = Revocations(
        client,
        key=keys.revoked_session,
        sentinel=keys.REVOCATIONS_SENTINEL,
        ask=sessions.is_alive,
        cache_seconds=0,  # the truth is next door: a logout is in force at once, with or without Redis
    )
    guard = Guard(TokenVerifier(key_ring, issuer=TOKEN_ISSUER, audience=TOKEN_AUDIENCE), revocations)

    app = create_quart(
        "auth_service",
        title="Parley auth",
        max_body_bytes=settings.max_body_bytes,
        verify=guard,
        examples=EXAMPLES,
    )
    describe = caller(trusted)
    app.register_blueprint(account_routes.blueprint(accounts, credentials, deletion, export, describe))
    app.register_blueprint(email_routes.blueprint(emails, describe))
    app.register_blueprint(session_routes.blueprint(sessions, describe))
    app.register_blueprint(
        token_routes.blueprint(sessions, Tickets(client, lifetime_seconds=settings.ticket_seconds), key_ring, describe)
    )
    devices = Devices(postgres)
    app.url_map.converters["provider"] = oauth_routes.ProviderConverter
    app.register_blueprint(oauth_routes.blueprint(logins, Identities(postgres), describe))
    app.register_blueprint(device_routes.blueprint(devices, describe))
    app.register_blueprint(user_routes.blueprint(directory))
    app.register_blueprint(internal_routes.blueprint(directory, sessions, devices))
    check_access_marks(app)
    return Service(cast("App", app), lifecycle)


def provider_of(config: ProviderConfig, client: httpx.AsyncClient) -> Provider:
    """A provider that speaks what its configuration says."""
    return GitHubProvider(config, client) if config.kind == "github" else OidcProvider(config, client)

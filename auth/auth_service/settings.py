"""What the auth service needs to know; each field is the environment variable of its name in upper case."""

from typing import Annotated

import msgspec

from chassis.kafka import KafkaSettings
from chassis.settings import OnOff, Positive, Seconds, Url

# Only the gateway reaches this service, from the cluster's own networks.
PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
)


class Settings(KafkaSettings, frozen=True, kw_only=True):
    """The defaults are those of the public contract and of the OWASP minimum for argon2id."""

    database_url: Url
    redis_url: Url
    signing_keys_file: str

    postgres_pool_size: Positive = 10
    trusted_proxies: tuple[str, ...] = PRIVATE_NETWORKS  # whose X-Forwarded-For is believed, as CIDR

    access_token_seconds: Positive = 15 * 60
    refresh_token_seconds: Positive = 30 * 24 * 3600
    refresh_grace_seconds: Seconds = 30  # in which a used refresh token is a lost reply, not a theft
    ticket_seconds: Positive = 30
    revocation_check_seconds: Seconds = 1.0  # how often Redis is looked after

    argon2_memory_kib: Annotated[int, msgspec.Meta(ge=8)] = 19 * 1024
    argon2_time_cost: Positive = 2
    argon2_parallelism: Positive = 1
    hashing_threads: Positive = 2
    hashing_queue: Annotated[int, msgspec.Meta(ge=0)] = 32  # hashes that may wait for a thread; beyond it 503

    common_passwords: Annotated[int, msgspec.Meta(ge=0)] = 10_000  # so many of the most common are refused

    rate_limits: OnOff = "on"
    login_failures: Positive = 10  # per account within the window, then 429
    login_failures_seconds: Positive = 15 * 60
    login_address_failures: Positive = 100  # per client address within the window, whatever the accounts
    mails_per_hour: Positive = 5  # that a user, or somebody who asks for an address, may have sent
    mails_per_hour_and_address: Positive = 30  # that a client address may have sent

    retired_username_seconds: Seconds = 30 * 24 * 3600.0  # in which nobody gets the name of a deleted account
    profile_url: Url | None = None  # where the profile service is, for exports; without it they lack that part
    chat_url: Url | None = None  # where chat is, for exports; without it they lack that part
    exports_per_day: Positive = 5  # per user

    public_url: Url = "http://127.0.0.1:8000"  # where clients find the platform: the base of links in mails
    smtp_url: Url | None = None  # smtp:// (with STARTTLS) or smtps://; without it no mail is sent
    mail_from: str = "Parley <no-reply@localhost>"  # of all mails
    verification_seconds: Positive = 24 * 3600  # life of a link that confirms an address
    password_reset_seconds: Positive = 3600  # life of a link that sets a new password

    oauth_providers: str = "{}"  # a JSON object, see auth/README.md
    oauth_redirects: tuple[str, ...] = ()  # where browsers may be sent after a login elsewhere, beside the public URL

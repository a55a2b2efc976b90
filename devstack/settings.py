"""What the environment says; the only place of the devstack that reads it."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from devstack.errors import DevstackError
from devstack.ports import LOOPBACK

SCHEMES = {
    "POSTGRES_URL": ("postgresql", "postgres"),
    "REDIS_URL": ("redis", "rediss"),
    "KAFKA_URL": ("kafka",),
    "SMTP_URL": ("smtp", "smtps"),
    "PUBLIC_URL": ("http", "https"),
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person may choose. An engine's URL replaces the engine from the wheel by a real one."""

    port: int = 8000  # of the gateway; 0 takes a free one
    host: str = LOOPBACK  # where the gateway listens
    data_dir: Path = Path(".data")
    postgres_url: str | None = None
    redis_url: str | None = None
    kafka_url: str | None = None
    smtp_url: str | None = None  # instead of the page that shows mails
    fcm_credentials_file: Path | None = None  # of a Firebase project, instead of the page that shows notifications
    public_url: str | None = None  # where clients find the gateway, if not where it listens
    durable: bool = True  # False for tests only


def load(environment: Mapping[str, str]) -> Settings:
    """Settings from PORT, HOST, DATA_DIR, POSTGRES_URL, REDIS_URL, KAFKA_URL, SMTP_URL, FCM_CREDENTIALS_FILE and
    PUBLIC_URL; an empty one counts as absent.

    Raises:
        DevstackError: if one of them cannot be.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    port = given.get("PORT", "8000")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise DevstackError(f'PORT must be a number from 1 to 65535, not "{port}".')
    account = Path(given["FCM_CREDENTIALS_FILE"]).expanduser() if "FCM_CREDENTIALS_FILE" in given else None
    if account is not None and not account.is_file():
        raise DevstackError(f"FCM_CREDENTIALS_FILE must be the file of a service account; {account} is none.")
    return Settings(
        port=int(port),
        host=given.get("HOST", LOOPBACK),
        data_dir=Path(given.get("DATA_DIR", ".data")).expanduser(),
        postgres_url=_url(given, "POSTGRES_URL"),
        redis_url=_url(given, "REDIS_URL"),
        kafka_url=_url(given, "KAFKA_URL"),
        smtp_url=_url(given, "SMTP_URL"),
        fcm_credentials_file=account,
        public_url=_url(given, "PUBLIC_URL"),
    )


def _url(given: Mapping[str, str], name: str) -> str | None:
    url = given.get(name)
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES[name] or not parts.netloc.rpartition("@")[2]:
        # Not shown: it may carry a password.
        raise DevstackError(f"{name} must be a URL such as {SCHEMES[name][0]}://host:port.")
    return url

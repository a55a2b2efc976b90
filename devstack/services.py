"""The table of what the platform is made of, as data. A new service is one more entry.

In commands and environments, `{python}` is this interpreter, `{data}` the data directory, `{keys}` the file of the
signing keys, `{web}` the folder with the built web client, `{redis}` and `{kafka}` the engines, `{database[NAME]}` the
URL of a database for its owner, `{url[NAME]}` the address of a service, `{port[NAME]}` a second port of it, `{smtp}`
where mail goes, `{fcm[…]}` where notifications go, `{public}` where clients find all this.
"""

from collections.abc import Mapping

import msgspec

from devstack.databases import ROLE_SETTINGS

# From the public side inwards; the highest stage stops first, the engines (0) last.
GATEWAY, WORKER, FRONT, BACK, MAIL = 5, 4, 3, 2, 1


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that runs once at each start, before the services."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    database: str | None = None  # run as soon as this one is there; None: at once, beside the engines
    unless: str | None = None  # not run if this file is there
    seconds: float = 120.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A process that stays."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    stage: int = FRONT
    second_port: bool = False  # it needs one more, `{port[NAME]}`
    unless: str | None = None  # not started if this field of the settings is set
    gateway: bool = False  # the one on the port that the person chose; its /readyz is on a port of its own


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the engines."""

    databases: Mapping[str, Mapping[str, str]]  # by name: what its role's sessions begin with
    jobs: tuple[Job, ...]
    services: tuple[Service, ...]
    kafka: bool = True


def _migration(name: str, package: str = "") -> Job:
    return Job(
        name=f"migrate-{name}",
        command=("{python}", "-m", "chassis.migrations", package or name),
        environment={"DATABASE_URL": "{database[" + name + "]}"},
        database=name,
    )


def _chat(name: str) -> Service:
    return Service(
        name=name,
        command=("{python}", "-m", "chat_service"),
        environment={
            "DATABASE_URL": "{database[chat]}",
            "REDIS_URL": "{redis}",
            "KAFKA_URL": "{kafka}",
            "AUTH_URL": "{url[auth]}",
            "POD_NAME": name,
        },
    )


PARLEY = Platform(
    databases={
        "auth": ROLE_SETTINGS,
        "profile": ROLE_SETTINGS,
        # The group commit was tested with these: one plan for any batch, and none compiled.
        "chat": {**ROLE_SETTINGS, "plan_cache_mode": "force_generic_plan", "jit": "off"},
        "notifications": ROLE_SETTINGS,
    },
    jobs=(
        Job(name="keys", command=("{python}", "-m", "auth_service.keys", "create", "{keys}"), unless="{keys}"),
        _migration("auth"),
        _migration("profile"),
        _migration("chat"),
        _migration("notifications", "notification"),
        Job(
            name="fcm-account",
            command=("{python}", "-m", "devstack.fcm", "create", "{fcm[account]}"),
            unless="{fcm[account]}",
        ),
    ),
    services=(
        Service(
            name="mail",
            command=("{python}", "-m", "devstack.mail"),
            environment={"SMTP_PORT": "{port[mail]}"},
            stage=MAIL,
            second_port=True,
            unless="smtp_url",
        ),
        Service(
            name="auth",
            command=("{python}", "-m", "auth_service"),
            environment={
                "DATABASE_URL": "{database[auth]}",
                "REDIS_URL": "{redis}",
                "KAFKA_URL": "{kafka}",
                "SIGNING_KEYS_FILE": "{keys}",
                "SMTP_URL": "{smtp}",
                "PUBLIC_URL": "{public}",
                "PROFILE_URL": "{url[profile]}",  # for exports, which may wait
                "CHAT_URL": "{url[chat-1]}",
                # The gateway, whatever the person says about proxies in front of it: that is for the gateway alone.
                "TRUSTED_PROXIES": "127.0.0.0/8",
            },
            stage=BACK,
        ),
        Service(
            name="profile",
            command=("{python}", "-m", "profile_service"),
            environment={
                "DATABASE_URL": "{database[profile]}",
                "REDIS_URL": "{redis}",
                "KAFKA_URL": "{kafka}",
                "AUTH_URL": "{url[auth]}",
            },
        ),
        _chat("chat-1"),
        _chat("chat-2"),
        Service(
            name="fcm",
            command=("{python}", "-m", "devstack.fcm", "serve", "{fcm[account]}"),
            stage=BACK,
            unless="fcm_credentials_file",
        ),
        Service(
            name="notifications",
            command=("{python}", "-m", "notification_service"),
            environment={
                "DATABASE_URL": "{database[notifications]}",
                "KAFKA_URL": "{kafka}",
                "AUTH_URL": "{url[auth]}",
                "PROFILE_URL": "{url[profile]}",
                "CHAT_URLS": "{url[chat-1]},{url[chat-2]}",
                "FCM_CREDENTIALS_FILE": "{fcm[account]}",
                "FCM_URL": "{fcm[url]}",
                "FCM_TOKEN_URL": "{fcm[token_url]}",
            },
            stage=WORKER,
        ),
        Service(
            name="gateway",
            command=("{python}", "-m", "gateway_service"),
            environment={
                "REDIS_URL": "{redis}",
                "AUTH_URL": "{url[auth]}",
                "PROFILE_URL": "{url[profile]}",
                "CHAT_URLS": "{url[chat-1]},{url[chat-2]}",
                "WEB_DIR": "{web}",
            },
            stage=GATEWAY,
            gateway=True,
        ),
    ),
)

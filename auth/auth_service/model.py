"""The nouns of this service. Bodies of requests and replies are here too where they are more than one route's."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

MAX_EMAIL = 254
MAX_PASSWORD = 128
MIN_PASSWORD = 8
MAX_DISPLAY_NAME = 100
MAX_DEVICE_TOKEN = 1024
MAX_USER_AGENT = 255
USERNAME_PATTERN = "^[A-Za-z0-9._-]{3,50}$"

Username = Annotated[
    str, msgspec.Meta(min_length=3, max_length=50, extra_json_schema={"pattern": USERNAME_PATTERN})
]  # the pattern itself is policy's, whose message a person can read
NewPassword = Annotated[str, msgspec.Meta(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]
Password = Annotated[str, msgspec.Meta(max_length=MAX_PASSWORD)]  # a short one is simply wrong
MailKind = Literal["verify_email", "reset_password", "password_changed", "email_changed"]
TokenPurpose = Literal["verify_email", "reset_password"]
DeviceToken = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_DEVICE_TOKEN)]


class Account(msgspec.Struct, frozen=True):
    """Who may log in."""

    id: UUID
    username: str
    email: str | None
    email_verified: bool
    display_name: str
    password_hash: str | None
    credentials_version: int
    created_at: datetime


class Registration(msgspec.Struct, frozen=True):
    """What somebody who registers says of himself."""

    username: Username
    password: NewPassword
    email: Annotated[str, msgspec.Meta(max_length=MAX_EMAIL)] | None = None
    display_name: Annotated[str, msgspec.Meta(max_length=MAX_DISPLAY_NAME)] | None = None
    fcm_token: DeviceToken | None = None


class Client(msgspec.Struct, frozen=True):
    """Where a request comes from, as far as we believe it."""

    address: str
    user_agent: str


class Session(msgspec.Struct, frozen=True):
    """One login of one user."""

    id: UUID
    user_agent: str
    address: str
    created_at: datetime
    last_seen_at: datetime


class Ended(msgspec.Struct, frozen=True):
    """A session that is over; its access tokens may have time left."""

    session_id: UUID
    ended_at: datetime


class Rotation(msgspec.Struct, frozen=True):
    """What became of a refresh token that was presented; the outcomes are those of `rotate_refresh_token`."""

    outcome: str
    session_id: UUID | None
    user_id: UUID | None
    username: str | None
    nonce: bytes | None
    ended_for: str | None


class Device(msgspec.Struct, frozen=True):
    """Where a user's push notifications go."""

    token: str
    platform: str
    user_id: UUID
    session_id: UUID


class Mail(msgspec.Struct, frozen=True):
    """A mail to be sent; without a user it goes to whoever has that address, if anybody does."""

    id: UUID
    kind: MailKind
    user_id: UUID | None
    recipient: str
    attempts: int


class EmailToken(msgspec.Struct, frozen=True):
    """What somebody proves who has read a mail: that the address is his."""

    user_id: UUID
    email: str


class Identity(msgspec.Struct, frozen=True):
    """An account elsewhere that may log in as a user of ours."""

    provider: str
    subject: str
    created_at: datetime


class AccessToken(msgspec.Struct, frozen=True):
    """A signed token and how long it is good."""

    token: str
    expires_in: int  # seconds


class Grant(msgspec.Struct, frozen=True):
    """The reply to a registration, a login and a refresh."""

    access_token: str
    refresh_token: str
    expires_in: int
    username: str
    user_id: UUID
    token_type: str = "Bearer"  # noqa: S105  a name, not a secret

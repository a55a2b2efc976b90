"""The nouns of this service: what the table holds, what clients send and see."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chassis.times import rfc3339

MAX_DISPLAY_NAME = 100  # characters, as all of these
MAX_USERNAME = 50
MAX_AVATAR_URL = 255
MAX_STATUS_MESSAGE = 255
MAX_SEARCH_KEY = 100  # what search compares; an index entry must stay below 2,704 bytes

DisplayName = Annotated[str, Meta(min_length=1, max_length=MAX_DISPLAY_NAME)]
Username = Annotated[str, Meta(max_length=MAX_USERNAME)]
AvatarUrl = Annotated[str, Meta(max_length=MAX_AVATAR_URL)]
StatusMessage = Annotated[str, Meta(max_length=MAX_STATUS_MESSAGE)]
Preferences = dict[str, Any]


class ProfileRow(msgspec.Struct, frozen=True):
    """A row, as one viewer may see it: `preferences` is None when it is somebody else's."""

    id: UUID
    username: str
    display_name: str
    avatar_url: str | None
    status_message: str | None
    preferences: Preferences | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Hit(msgspec.Struct, frozen=True):
    """A row that a search found by one of its names. One that both names find is hit twice."""

    row: ProfileRow
    key: str  # the name, folded, which the search is ordered by
    other_key: str  # the other one
    by_display_name: bool


class Profile(msgspec.Struct, frozen=True, rename="camel"):
    """A profile as clients see it."""

    id: UUID
    username: str
    display_name: str
    avatar_url: str | None
    status_message: str | None
    created_at: str  # RFC 3339
    updated_at: str
    preferences: Preferences | UnsetType = UNSET  # only for its owner


class ProfilePage(msgspec.Struct, frozen=True):
    """What a search found, and where the next page begins (None after the last)."""

    results: list[Profile]
    next_cursor: str | None


class ProfileChange(msgspec.Struct, frozen=True, rename="camel"):
    """PATCH: the fields that are given replace those that are there. `id` and `username` may only be repeated."""

    id: UUID | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    display_name: DisplayName | UnsetType = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    status_message: StatusMessage | UnsetType | None = UNSET
    preferences: Preferences | UnsetType = UNSET


class ProfileReplacement(msgspec.Struct, frozen=True, rename="camel"):
    """PUT: all that its owner decides; what is absent becomes empty."""

    display_name: DisplayName
    id: UUID | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    avatar_url: AvatarUrl | None = None
    status_message: StatusMessage | None = None
    preferences: Preferences = {}


class NewProfile(msgspec.Struct, frozen=True, rename="camel"):
    """POST: the same, but the display name may be left out: it is then the one of the registration."""

    display_name: DisplayName | UnsetType = UNSET
    id: UUID | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    avatar_url: AvatarUrl | None = None
    status_message: StatusMessage | None = None
    preferences: Preferences = {}


class SearchQuery(msgspec.Struct, frozen=True):
    """The query string of a search."""

    search: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Account(msgspec.Struct, frozen=True):
    """What a profile is first made from."""

    id: UUID
    username: str
    display_name: str
    created_at: datetime


def search_key(text: str) -> str:
    """The form in which names and search terms are compared: caseless and without compatibility differences
    (Unicode 16, section 3.13, definition D146, without its rare second round), never longer than MAX_SEARCH_KEY."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.lstrip()[:MAX_SEARCH_KEY]


def profile_of(row: ProfileRow) -> Profile:
    """The row as a client sees it."""
    return Profile(
        id=row.id,
        username=row.username,
        display_name=row.display_name,
        avatar_url=row.avatar_url,
        status_message=row.status_message,
        created_at=str(rfc3339(row.created_at)),
        updated_at=str(rfc3339(row.updated_at)),
        preferences=UNSET if row.preferences is None else row.preferences,
    )

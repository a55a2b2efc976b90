"""What a profile may say, who may write it, and where a page of a search begins. Pure."""

import base64
import binascii
import unicodedata
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import UNSET

from chassis.problems import Forbidden, Invalid

from .model import MAX_SEARCH_KEY, Hit, NewProfile, ProfileChange, ProfileReplacement

MAX_PREFERENCES_BYTES = 8 * 1024  # serialised without white space
MAX_PREFERENCES_DEPTH = 16
LAST_CHARACTER = "\U0010ffff"
NOBODY = UUID(int=0)  # less than every id

Body = NewProfile | ProfileReplacement | ProfileChange


def check_body(body: Body, username: str) -> None:
    """Refuse what msgspec's types cannot.

    Arguments:
        body: what the client sent.
        username: the caller's own, which the body may repeat.

    Raises:
        Invalid: naming every field at fault.
    """
    errors: list[tuple[str, str]] = []
    if body.username is not UNSET and body.username != username:
        errors.append(("username", "cannot be changed here"))
    if body.display_name is not UNSET and not has_a_visible_character(body.display_name):
        errors.append(("displayName", "must not be blank"))
    if isinstance(body.avatar_url, str) and not is_web_address(body.avatar_url):
        errors.append(("avatarUrl", "must be an http or https URL, or null"))
    if body.preferences is not UNSET and (mistake := preferences_mistake(body.preferences)):
        errors.append(("preferences", mistake))
    if errors:
        raise Invalid(*errors)


def check_owner(owner: UUID, caller: UUID) -> None:
    """Only its owner writes a profile.

    Raises:
        Forbidden: somebody else tries.
    """
    if owner != caller:
        raise Forbidden("Only its owner may write a profile.")


def has_a_visible_character(text: str) -> bool:
    """False for a text of nothing but white space, control and format characters (zero-width ones, say)."""
    return any(unicodedata.category(character) not in _INVISIBLE for character in text)


_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs"})


def is_web_address(text: str) -> bool:
    """An absolute http(s) URL with a host and without credentials, that a page may put into an attribute as it is."""
    if any(character in _UNSAFE_IN_URL or unicodedata.category(character) in _INVISIBLE for character in text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed only when it is asked for
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


_UNSAFE_IN_URL = frozenset(" \"'<>\\^`{|}")


def preferences_mistake(preferences: dict[str, Any]) -> str | None:
    """Why `preferences` cannot be stored, or None."""
    if not _is_shallow(preferences, MAX_PREFERENCES_DEPTH):
        return f"must not be nested deeper than {MAX_PREFERENCES_DEPTH}"
    if len(msgspec.json.encode(preferences)) > MAX_PREFERENCES_BYTES:
        return f"must not be larger than {MAX_PREFERENCES_BYTES} bytes"
    return None


def _is_shallow(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_shallow(item, depth - 1) for item in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_is_shallow(item, depth - 1) for item in value)
    return True


def is_repeated(hit: Hit, prefix: str) -> bool:
    """Whether the search has come across this row before, by its other name.

    A row is shown where it is met first. So at least half of what is met, counted from the beginning, is shown, and a
    first page is never short because of rows that are hit twice.
    """
    if not hit.other_key.startswith(prefix):
        return False
    return hit.other_key < hit.key or (hit.other_key == hit.key and hit.by_display_name)


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page begins: after this name (folded) of this user."""

    key: str
    id: UUID


def end_of(prefix: str) -> str:
    """The least text that is greater, by code points, than every text that begins with `prefix`."""
    head = prefix.rstrip(LAST_CHARACTER)
    if not head:
        return prefix + LAST_CHARACTER
    following = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)  # there are no characters in between


def write_cursor(position: Position) -> str:
    """The position as opaque, URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def read_cursor(text: str, prefix: str) -> Position:
    """The position that `write_cursor` wrote; the beginning for "".

    Arguments:
        text: what the client gave back.
        prefix: the folded search term; the cursor must be one of the same search.

    Raises:
        Invalid: not a cursor of this search.
    """
    if not text:
        return Position(prefix, NOBODY)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw, type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _not_a_cursor() from None
    if "\x00" in position.key or len(position.key) > MAX_SEARCH_KEY or not position.key.startswith(prefix):
        raise _not_a_cursor()
    return position


def _not_a_cursor() -> Invalid:
    return Invalid(("cursor", "is not one that this search gave"))

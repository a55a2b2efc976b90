"""What names, addresses, passwords and device tokens may be. Pure."""

import re
import string
import unicodedata

from .model import MAX_DEVICE_TOKEN, MAX_EMAIL, MAX_PASSWORD, MIN_PASSWORD, Registration

Mistake = tuple[str, str]  # the field and what is wrong with it

_USERNAME = re.compile(r"[A-Za-z0-9._-]{3,50}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_DEVICE_TOKEN = re.compile(r"[A-Za-z0-9._:~=+-]+")  # what FCM gives, and what fits into a path
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(name: str) -> str:
    """A username or e-mail address as it is compared: ASCII letters in lower case.

    Only those: `str.lower` would make the Kelvin sign a `k`, and so one user of two.
    """
    return name.translate(_LOWER)


def is_username(text: str) -> bool:
    """3-50 of `A-Z a-z 0-9 . _ -`."""
    return _USERNAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Looks like an address; whether it is one only a message to it can tell."""
    return len(text) <= MAX_EMAIL and text.isprintable() and _EMAIL.fullmatch(text) is not None


def is_device_token(text: str) -> bool:
    """Could be the token of a push service."""
    return len(text) <= MAX_DEVICE_TOKEN and _DEVICE_TOKEN.fullmatch(text) is not None


def is_password(text: str) -> bool:
    """8-128 characters (code points), any but U+0000."""
    return MIN_PASSWORD <= len(text) <= MAX_PASSWORD and "\x00" not in text


def password_bytes(text: str) -> bytes:
    """What is hashed: NFC, so that "é" typed on another keyboard is the same password (RFC 8265 section 4.2), in UTF-8.

    Raises:
        ValueError: the password is longer than any that can have been set; nothing is computed for it.
    """
    if len(text) > MAX_PASSWORD:
        raise ValueError("the password is too long")
    return unicodedata.normalize("NFC", text).encode()


def display_name(registration: Registration) -> str:
    """The name to show: the one given without surrounding space, else the username."""
    return (registration.display_name or "").strip() or registration.username


def mistakes(registration: Registration) -> list[Mistake]:
    """Everything that is wrong with a registration, empty when nothing is."""
    found: list[Mistake] = []
    if not is_username(registration.username):
        found.append(("username", "must be 3-50 characters of A-Z a-z 0-9 . _ -"))
    if not is_password(registration.password):
        found.append(("password", "must be 8-128 characters"))
    if registration.email is not None and not is_email(registration.email):
        found.append(("email", "is not an e-mail address"))
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in registration.display_name or ""):
        found.append(("display_name", "must not contain control characters"))
    if registration.fcm_token is not None and not is_device_token(registration.fcm_token):
        found.append(("fcm_token", "is not a device token"))
    return found

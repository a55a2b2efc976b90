"""A username and a display name for somebody of whom only another provider's words are known. Pure."""

import secrets
import unicodedata

from ..model import MAX_DISPLAY_NAME
from ..policy import is_username
from .provider import ExternalUser

MAX_BASE = 40  # leaves room for what tells one from another
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def username_base(user: ExternalUser) -> str:
    """What he is called there, as far as it can be a username. Never from his address, which is nobody's business."""
    for wish in (user.username.partition("@")[0], user.name.replace(" ", ".")):
        plain = unicodedata.normalize("NFKD", wish)
        found = "".join(character for character in plain if character in _ALLOWED)[:MAX_BASE].strip("._-")
        if is_username(found):
            return found
    return "user"


def username_candidates(user: ExternalUser) -> list[str]:
    """Usernames to try, the nicest first; the last ones are practically free."""
    base = username_base(user)
    numbered = [f"{base}-{secrets.randbelow(10**digits):0{digits}}" for digits in (2, 4, 9, 9)]
    return numbered if base == "user" else [base, *numbered]


def display_name(user: ExternalUser, username: str) -> str:
    """The name to show: his own if it can be one."""
    kept = "".join(c for c in user.name if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp")).strip()
    return kept[:MAX_DISPLAY_NAME] or username

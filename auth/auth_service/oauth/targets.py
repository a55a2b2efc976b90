"""Where a browser may be sent after a login elsewhere: a list, so that nobody's code goes to a stranger. Pure."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from chassis.lifecycle import Fatal

MAX_TARGET = 500
_NEVER = frozenset({"", "javascript", "data", "vbscript", "file", "blob", "about"})


class Targets:
    """The targets that are allowed.

    Arguments:
        home: where the platform's clients are; what is below it is allowed, and it is where one goes without a wish.
        others: more. For http(s), what is below each one's path; for the scheme of an app, exactly that.

    Raises:
        Fatal: one of them can be none.
    """

    def __init__(self, home: str, others: Iterable[str]) -> None:
        self.home = home.rstrip("/") + "/"
        self._allowed = [self.home, *others]
        for target in self._allowed:
            if not _is_plain(target) or urlsplit(target).scheme.lower() in _NEVER:
                raise Fatal(f"OAUTH_REDIRECTS: {target} cannot be redirected to")

    def is_allowed(self, target: str) -> bool:
        """Whether a browser may be sent there."""
        return len(target) <= MAX_TARGET and _is_plain(target) and any(_below(target, one) for one in self._allowed)


def _is_plain(target: str) -> bool:
    """An absolute URL that every program reads alike: printable ASCII, no backslash, no credentials, no fragment."""
    if not target.isascii() or not target.isprintable() or any(character in target for character in " \\#<>\"'"):
        return False
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme) and "@" not in parts.netloc and ".." not in parts.path and "%" not in parts.netloc


def _below(target: str, allowed: str) -> bool:
    wanted, given = urlsplit(target), urlsplit(allowed)
    if given.scheme not in ("http", "https"):
        return target.partition("?")[0] == allowed.partition("?")[0]
    if (wanted.scheme, wanted.hostname, wanted.port) != (given.scheme, given.hostname, given.port):
        return False
    path = given.path.rstrip("/")
    return (wanted.path or "/") == (path or "/") or wanted.path.startswith(f"{path}/")


def with_parameters(target: str, parameters: Mapping[str, str]) -> str:
    """The target with these in its query, beside what is there."""
    parts = urlsplit(target)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in parameters]
    return parts._replace(query=urlencode([*query, *parameters.items()])).geturl()

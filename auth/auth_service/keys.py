"""The signing keys: a private JWK set in a file (RFC 7517, RFC 8037), and the commands that make and rotate it.

    python -m auth_service.keys create FILE      does nothing if FILE exists
    python -m auth_service.keys rotate FILE
    python -m auth_service.keys print            makes a new set and shows it, for a Secret

Each key has a role. `current` signs; `next` is published before it signs, so that everybody has it by then; `previous`
ones no longer sign and are published for as long as a token of theirs may be alive. A rotation moves each one on.
"""

import base64
import contextlib
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEEP_SECONDS = 3600  # a key that has not signed for this long has no living token: they live 15 min
_USAGE = "usage: python -m auth_service.keys create|rotate FILE, or print"


class KeyFileError(Exception):
    """The file does not hold a usable set of keys; `str()` is one sentence without any key material."""


class Jwk(msgspec.Struct, frozen=True):
    """An Ed25519 key pair, its role and since when it has it (seconds since the epoch)."""

    kid: str
    x: str
    d: str
    role: Literal["current", "next", "previous"]
    since: int
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"

    def private_key(self) -> Ed25519PrivateKey:
        """The key that signs.

        Raises:
            ValueError: this is not a key pair.
        """
        key = Ed25519PrivateKey.from_private_bytes(_decode(self.d))
        if _encode(key.public_key().public_bytes_raw()) != self.x:
            raise ValueError("the public key is another one's")
        return key

    def public(self) -> dict[str, str]:
        """What everybody may see."""
        return {"kty": self.kty, "crv": self.crv, "x": self.x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}


class KeyFile(msgspec.Struct, frozen=True):
    """The content of the file."""

    keys: list[Jwk]

    @property
    def current(self) -> Jwk:
        """The one that signs."""
        return next(key for key in self.keys if key.role == "current")


def thumbprint(x: str) -> str:
    """The id of the key with that public part (RFC 7638, RFC 8037 section 2)."""
    return _encode(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def generate(role: Literal["current", "next"], now: float) -> Jwk:
    """A new key pair."""
    private = Ed25519PrivateKey.generate()
    x = _encode(private.public_key().public_bytes_raw())
    return Jwk(thumbprint(x), x, _encode(private.private_bytes_raw()), role, int(now))


def rotated(file: KeyFile, now: float) -> KeyFile:
    """The set after a rotation: next signs, current is kept as previous, long retired ones go, a new next comes."""
    kept = [key for key in file.keys if key.role == "previous" and now - key.since < KEEP_SECONDS]
    retired = msgspec.structs.replace(file.current, role="previous", since=int(now))
    successor = next((key for key in file.keys if key.role == "next"), None) or generate("next", now)
    current = msgspec.structs.replace(successor, role="current", since=int(now))
    return KeyFile([current, generate("next", now), retired, *kept])


def read(path: Path) -> KeyFile:
    """The keys in a file.

    Raises:
        KeyFileError: it cannot be read, or is not a set with one current key.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=KeyFile)
        for key in file.keys:
            key.private_key()
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError):
        raise KeyFileError(f"{path} is not a private JWK set of Ed25519 keys") from None
    roles = [key.role for key in file.keys]
    if roles.count("current") != 1 or roles.count("next") > 1 or len({key.kid for key in file.keys}) != len(roles):
        raise KeyFileError(f"{path} must have one current key, at most one next, and no key twice")
    return file


def new(now: float) -> KeyFile:
    """A first set: a current and a next key."""
    return KeyFile([generate("current", now), generate("next", now)])


def create(path: Path) -> bool:
    """Make a file with a first set; False, and nothing is changed, if there is one."""
    if path.exists():
        return False
    with _written_beside(path, new(time.time())) as fresh:
        try:
            os.link(fresh, path)  # unlike a rename it fails if somebody else was faster
        except FileExistsError:
            return False
    return True


def rotate(path: Path) -> KeyFile:
    """Rotate the keys of a file; a service that uses it notices within a second.

    Raises:
        KeyFileError: the file is not usable; it is left as it is.
    """
    file = rotated(read(path), time.time())
    with _written_beside(path, file) as fresh:
        fresh.replace(path)
    return file


@contextlib.contextmanager
def _written_beside(path: Path, file: KeyFile) -> Iterator[Path]:
    """A complete file, readable by its owner only, in the same folder; removed unless it was renamed."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_text(file))
            stream.flush()
            os.fsync(stream.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _text(file: KeyFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main(arguments: list[str]) -> int:
    """The commands; returns the exit code."""
    if arguments == ["print"]:
        sys.stdout.buffer.write(_text(new(time.time())))
        return 0
    if len(arguments) != 2 or arguments[0] not in ("create", "rotate"):
        print(_USAGE, file=sys.stderr)  # noqa: T201
        return 2
    path = Path(arguments[1])
    try:
        if arguments[0] == "rotate":
            print(f"{path}: {rotate(path).current.kid} signs now")  # noqa: T201
        else:
            print(f"{path}: {'created' if create(path) else 'exists, nothing to do'}")  # noqa: T201
    except (KeyFileError, OSError) as error:
        print(f"signing keys: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

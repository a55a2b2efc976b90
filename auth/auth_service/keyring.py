"""The keys in use: read from the file, and again when it changes, so that a rotation needs no restart."""

import logging
import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.lifecycle import Fatal

from . import audit, keys

logger = logging.getLogger(__name__)
CHECK_SECONDS = 1.0

_Stamp = tuple[int, int, int]


class KeyRing:
    """Signs with the current key and knows all that are published, as a component and as a `KeySource`.

    Arguments:
        path: the file; a mounted Secret, whose link is exchanged as a whole, is followed.
        check_seconds: how often, at most, the file is looked at.
    """

    def __init__(self, path: Path, *, check_seconds: float = CHECK_SECONDS) -> None:
        self._path = path
        self._check_seconds = check_seconds
        self._checked_at = float("-inf")  # monotonic
        self._stamp: _Stamp | None = None
        self._kid = ""
        self._private: Ed25519PrivateKey | None = None
        self._public: dict[str, Ed25519PublicKey] = {}
        self._jwks = b""

    async def start(self) -> None:
        """Read the file.

        Raises:
            Fatal: it is not usable.
        """
        try:
            self._load()
        except keys.KeyFileError as error:
            raise Fatal(f"signing keys: {error}") from None

    async def stop(self) -> None:
        """Nothing to release."""

    def signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        """The id of the current key, and the key."""
        self._refresh()
        if self._private is None:
            raise RuntimeError("the signing keys have not been read")
        return self._kid, self._private

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The published key of that id."""
        self._refresh()
        return self._public.get(kid)

    def jwks(self) -> bytes:
        """The public JWK set, as JSON."""
        self._refresh()
        return self._jwks

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._checked_at < self._check_seconds:
            return
        self._checked_at = now
        try:
            if self._look() != self._stamp:
                before = self._kid
                self._load()
                if self._kid != before:
                    audit.record("keys_rotated", detail=self._kid)
                logger.info("signing keys read again", extra={"kid": self._kid, "keys": len(self._public)})
        except keys.KeyFileError as error:  # half written, or away: what we have is still good
            logger.error("the signing keys cannot be read; the old ones stay", extra={"error": str(error)})

    def _look(self) -> _Stamp:
        try:
            status = self._path.stat()
        except OSError as error:
            raise keys.KeyFileError(f"{self._path} cannot be read: {error.strerror}") from None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _load(self) -> None:
        stamp = self._look()  # before reading: a change in between is seen at the next look
        file = keys.read(self._path)
        self._kid, self._private = file.current.kid, file.current.private_key()
        self._public = {key.kid: key.private_key().public_key() for key in file.keys}
        self._jwks = msgspec.json.encode({"keys": [key.public() for key in file.keys]})
        self._stamp = stamp
        self._checked_at = time.monotonic()

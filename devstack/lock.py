"""One devstack per data directory."""

import contextlib
import fcntl
import os
from pathlib import Path

from devstack.errors import DevstackError


class Lock:
    """Held from `take` to `release`, or until the process that holds it ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """
        Arguments:
            folder: the data directory; it exists.
        """
        self._file = folder / "lock"
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._descriptor is not None

    def take(self) -> None:
        """
        Raises:
            DevstackError: if somebody else holds it.
        """
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = self._file.read_text(encoding="utf-8", errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DevstackError(
                f"{self._file.parent} is in use by another devstack (process {holder}): "
                "stop that one first, or choose another DATA_DIR."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it; nothing if it is not held. The file stays: removing it would race with who opens it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

"""One child process: started in the foreground, watched, ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from devstack.identity import LAUNCH, Identity

# Whether a child has ended is asked for by waitpid, a microsecond each: an event would need a loop that always runs, or
# a thread, or a signal handler. So a child can be started in one loop and stopped in another, as fixtures do.
POLL_SECONDS = 0.02
TAIL_LINES = 15
TAIL_BYTES = 16_384


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run and how to end it. Times in seconds."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    folder: Path | None = None
    identity: Identity = Identity()
    stop_signal: int = signal.SIGTERM
    hurry_signal: int = signal.SIGKILL
    orphan_signal: int = signal.SIGKILL
    stop_seconds: float = 10.0


def ending(code: int) -> str:
    """How a process ended, in words.

    Arguments:
        code: as of `subprocess.Popen.returncode`: negative for a signal.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Process:
    """A started child. In a session of its own, so that the terminal's Ctrl-C reaches only us and we keep the order."""

    def __init__(self, spec: Spec) -> None:
        """Start it.

        On Linux the child gets `spec.orphan_signal` when the *thread* that started it ends, so call this from one that
        lives as long as the child shall.

        Arguments:
            spec: what to run; its output is appended to `spec.log`.

        Raises:
            OSError: if the log cannot be opened or no process can be made.
        """
        self.spec = spec
        self._ended = False
        self.started = time.monotonic()
        launch = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(spec.orphan_signal))]
        with spec.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*launch, spec.identity.words, *spec.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(spec.environment),
                cwd=spec.folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is that of the program itself."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), None while it runs."""
        code = self._popen.poll()
        if code is not None and not self._ended:
            self._ended = True  # what it left behind in its session, now: later the number may belong to somebody else
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        return code

    def signal(self, number: int) -> None:
        """Send a signal; nothing if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(number)

    async def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end.

        Arguments:
            seconds: how long at most; None waits for ever.

        Returns:
            the exit code, None if it still runs.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while (code := self.exit_code()) is None and (deadline is None or time.monotonic() < deadline):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        return code

    async def stop(self, hurry: asyncio.Event | None = None) -> bool:
        """End it: politely, then by force.

        Arguments:
            hurry: when set, politeness ends at once.

        Returns:
            whether politeness was enough.
        """
        self.signal(signal.SIGCONT)  # a stopped process hears nothing but SIGKILL
        self.signal(self.spec.stop_signal)
        deadline = time.monotonic() + self.spec.stop_seconds
        while self.exit_code() is None and time.monotonic() < deadline and not (hurry and hurry.is_set()):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        if self.exit_code() is not None:
            return True
        self.signal(self.spec.hurry_signal)
        if await self.wait(2.0) is None:
            self.signal(signal.SIGKILL)
            await self.wait()
        return False

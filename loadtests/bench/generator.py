"""Running the generator, and reading what it says."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

START_SECONDS = 120  # for all sockets to open, and the stragglers at the end


class GeneratorError(Exception):
    """The run is worth nothing: something was refused, lost, repeated or out of order; `str()` says what."""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is spoken to.

    Arguments:
        message: what is sent; `%r` is the room, `%d` a number, which must come back between two `#`.
        prefix: how a delivery begins.
        ack: how an acknowledgement begins, None if there are none.
        hello: what each socket says first, None if nothing.
        order: "any" if the server does not keep the order of a room, None if it must.
        ping: a whole frame that is answered with the frame `pong`, None if the server has only those of RFC 6455.
    """

    message: str
    prefix: str
    ack: str | None
    hello: str | None = None
    ping: str | None = None
    pong: str | None = None
    order: str | None = None


PARLEY = Wire(
    message=(
        '{"type":"chat.message","data":'
        '{"room":"%r","content":"#%d# The quick brown fox jumps over the lazy dog.","client_id":"%d"}}'
    ),
    prefix='{"type":"chat.message"',
    ack='{"type":"chat.ack"',
)


class Socket(msgspec.Struct, frozen=True):
    """A connection to make: a member of a room."""

    port: int
    room: str
    path: str


class Latency(msgspec.Struct, frozen=True):
    """From a send to the last of what it caused, in milliseconds."""

    mean: float
    p50: float
    p99: float
    max: float


class AtPort(msgspec.Struct, frozen=True):
    """What was received from one port; `first` sockets were opened before memory was looked at the second time."""

    port: int
    sockets: int
    first: int
    deliveries: int


class OfProcess(msgspec.Struct, frozen=True):
    """What one process used; memory before the first socket, after the first tenth and after all, in KiB."""

    pid: int
    cpu_seconds: float
    kib_before: int
    kib_tenth: int
    kib_idle: int


class Load(msgspec.Struct, frozen=True):
    """A load and what it did."""

    seconds: float
    messages: int
    deliveries: int
    dials_per_s: float
    latency_ms: Latency
    ports: list[AtPort]
    processes: list[OfProcess]


class Generator:
    """Makes load.

    Arguments:
        program: the compiled one.
        core: where it runs; None leaves that open.
    """

    def __init__(self, program: Path, core: int | None = None) -> None:
        self._program = program
        self._core = core

    async def run(
        self,
        sockets: Sequence[Socket],
        pids: Sequence[int],
        *,
        room_size: int,
        window: int,
        seconds: float,
        warmup: float = 1.5,
        wire: Wire = PARLEY,
    ) -> Load:
        """Open `sockets`, let the first of every `room_size` of them send, `window` messages in flight.

        Arguments:
            pids: whose CPU time and memory are measured.
            seconds: how long, after `warmup` seconds of the same.
            wire: how the server is spoken to.

        Raises:
            GeneratorError: see there.
        """
        with tempfile.NamedTemporaryFile("w", prefix="parley-bench-") as file:
            file.writelines(f"{socket.port} {socket.room} {socket.path}\n" for socket in sockets)
            file.flush()
            words = ["--sockets", file.name, "--room-size", str(room_size)]
            words += ["--window", str(window), "--warmup", str(warmup), "--seconds", str(seconds)]
            for name, text in msgspec.structs.asdict(wire).items():
                words += [f"--{name}", text] if text is not None else []
            words += ["--cpu", str(self._core)] if self._core is not None else []
            for pid in pids:
                words += ["--pid", str(pid)]
            return await self._ran(words, START_SECONDS + warmup + seconds)

    async def _ran(self, words: list[str], patience: float) -> Load:
        process = await asyncio.create_subprocess_exec(
            self._program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(patience):
                out, error = await process.communicate()
        except TimeoutError:
            raise GeneratorError(f"the generator did not end within {patience:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise GeneratorError(error.decode(errors="replace").strip() or f"exit code {process.returncode}")
        return msgspec.json.decode(out, type=Load)

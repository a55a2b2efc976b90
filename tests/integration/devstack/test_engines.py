"""Engines by themselves, as other tests use them."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from devstack import postgres
from devstack.binaries import postgres_folder
from devstack.engines import Engines
from devstack.errors import DevstackError
from devstack.identity import Identity, choose, works
from devstack.pids import born

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="who is not root runs PostgreSQL as himself")
NOBODY = 65534
NAMELESS = 4_000_000
USE = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from devstack.engines import Engines
    from devstack.errors import DevstackError

    async def main():
        async with Engines.start(Path(sys.argv[1]), valkey=False, durable=False) as engines:
            await engines.create_database("one")

    try:
        asyncio.run(main())
    except DevstackError as error:
        sys.exit(str(error))
""")
# The capabilities of root in a container of Docker's or containerd's defaults.
CONTAINER = (
    "chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill"
)


async def value(url: str, sql: str) -> object:
    """One value from PostgreSQL."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_each_database_has_a_role_of_its_own_that_sees_no_other(postgres_database: Callable[..., str]) -> None:
    one, two = postgres_database("one"), postgres_database("two")
    assert await value(one, "SELECT current_user = current_database()") is True
    assert await value(one, "SHOW lock_timeout") == "1s"
    assert await value(one, "SHOW idle_in_transaction_session_timeout") == "2s"
    foreign = one.rpartition("/")[0] + "/" + two.rpartition("/")[2]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(foreign, "SELECT 1")


async def test_a_changed_setting_of_a_role_reaches_a_database_that_is_there(engines: Engines) -> None:
    await engines.create_database("changing", {"lock_timeout": "1s"})
    url = await engines.create_database("changing", {"lock_timeout": "3s"})
    assert await value(url, "SHOW lock_timeout") == "3s"
    await engines.drop_database("changing")


async def test_two_data_directories_agree_about_the_roles_of_a_real_server(engines: Engines, tmp_path: Path) -> None:
    urls = []
    for name in ("one", "two"):
        async with Engines.start(tmp_path / name, postgres=engines.postgres_url, valkey=False) as real:
            urls.append(await real.create_database("shared"))
            assert real.pids == {}
    assert urls[0] == urls[1]
    assert await value(urls[0], "SELECT current_user::text") == "shared"
    await engines.drop_database("shared")


async def test_without_the_password_nobody_gets_in(engines: Engines) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await value(engines.postgres_url.replace("postgres:", "postgres:x", 1), "SELECT 1")
    async with redis.asyncio.Redis.from_url(engines.redis_url.replace("redis://:", "redis://:x")) as client:
        with pytest.raises(redis.AuthenticationError):
            await client.get("anything")


async def test_redis_is_empty_at_the_start_of_a_test(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0


def test_the_broker_listens_on_the_loopback_interface_only(kafka_url: str) -> None:
    host, port = kafka_url.removeprefix("kafka://").split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        assert connection.getpeername()[1] == int(port)


async def test_a_killed_engine_stays_dead_until_it_is_restarted_and_keeps_its_data(tmp_path: Path) -> None:
    async with Engines.start(tmp_path / "data", durable=False) as engines:
        url = await engines.create_database("kept")
        await value(url, "CREATE TABLE kept AS SELECT 1 AS one")
        pid = engines.kill("postgres", signal.SIGKILL)
        while "postgres" in engines.pids:
            await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await value(url, "SELECT 1")
        await engines.restart("postgres")
        assert engines.pids["postgres"] != pid
        assert await value(url, "SELECT one FROM kept") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the loopback interface has one address only")
async def test_engines_listen_where_they_are_told_to_and_ask_for_passwords_there(tmp_path: Path) -> None:
    async with Engines.start(tmp_path, kafka=True, durable=False, host="127.0.0.2") as engines:
        url = await engines.create_database("one")
        assert await value(url, "SELECT host(inet_server_addr())") == "127.0.0.2"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await value(url.replace("one:", "one:x", 1), "SELECT 1")
        for address in (url, engines.redis_url, engines.kafka_url):
            _, port = address.rpartition("@")[2].removeprefix("kafka://").split("/")[0].split(":")
            with socket.create_connection(("127.0.0.2", int(port)), timeout=5):
                pass
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(port)), timeout=5)


async def test_two_at_one_folder_are_refused(tmp_path: Path) -> None:
    async with Engines.start(tmp_path, postgres=False):
        with pytest.raises(DevstackError, match=f"is in use by another devstack \\(process {os.getpid()}\\)"):
            async with Engines.start(tmp_path, postgres=False):
                pass


async def test_data_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(DevstackError, match="was written by PostgreSQL 9 and this is 18"):
        async with Engines.start(tmp_path, valkey=False):
            pass


async def test_a_lock_file_that_names_a_stranger_stops_nothing(tmp_path: Path) -> None:
    """As after a reboot: the number of the postmaster that was killed is now that of another process."""
    async with Engines.start(tmp_path / "data", valkey=False, durable=False) as engines:
        engines.kill("postgres", signal.SIGKILL)
        while engines.pids:
            await asyncio.sleep(0.01)
    lock = tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid"
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=lock.stat().st_uid if os.geteuid() == 0 else None)
    try:
        lines = lock.read_text().splitlines(keepends=True)
        with lock.open("r+") as file:
            file.write("".join([f"{stranger.pid}\n", *lines[1:]]))
        async with Engines.start(tmp_path / "data", valkey=False, durable=False) as engines:
            assert await value(engines.postgres_url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@AS_ROOT
@pytest.mark.parametrize(
    "identity",
    [
        Identity(f"plain:{NOBODY}:{NOBODY}", NOBODY, NOBODY),
        Identity(f"ambient:{NOBODY}:{NOBODY}", NOBODY, NOBODY),
        Identity(f"userns:{NOBODY}:{NOBODY}", 0, 0),
    ],
    ids=lambda identity: identity.words.split(":")[0],
)
async def test_root_can_run_postgres_in_each_way(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o711 if identity.words.startswith("plain") else 0o700)
        data = folder / "postgres"
        data.mkdir(mode=0o700)
        if not works(identity, data, postgres_folder() / "postgres"):
            pytest.skip("this system does not allow it, or the programs are out of reach")
        monkeypatch.setattr(postgres, "choose", lambda *_: identity)
        for _ in range(2):
            async with Engines.start(folder, valkey=False, durable=False) as engines:
                assert await value(engines.postgres_url, "SELECT 1") == 1
                assert (data / "cluster").stat().st_uid == identity.uid
                pid = engines.pids["postgres"]
            assert not born(pid)
    finally:
        shutil.rmtree(folder)


@AS_ROOT
async def test_data_of_one_identity_is_given_to_the_next(tmp_path: Path) -> None:
    """As when a data directory is used inside a container and outside in turn."""
    async with Engines.start(tmp_path, valkey=False, durable=False) as engines:
        await engines.create_database("kept")
    for path in [tmp_path / "postgres", *(tmp_path / "postgres").rglob("*")]:
        os.lchown(path, 12345, 12345)
    async with Engines.start(tmp_path, valkey=False, durable=False) as engines:
        assert await value(await engines.create_database("kept"), "SELECT current_database()") == "kept"


async def test_a_user_without_a_name_can_run_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `docker run --user 1234`, where any user may make namespaces."""
    monkeypatch.setattr(os, "geteuid", lambda: NAMELESS)
    (tmp_path / "postgres").mkdir(mode=0o700)
    if not choose(tmp_path / "postgres", postgres_folder() / "postgres").words.startswith("userns"):
        pytest.skip("this system does not allow it")
    async with Engines.start(tmp_path, valkey=False, durable=False) as engines:
        assert await value(engines.postgres_url, "SELECT 1") == 1


async def test_a_user_without_a_name_where_that_does_not_help_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: NAMELESS)
    monkeypatch.setattr(postgres, "choose", lambda *_: Identity())
    with pytest.raises(DevstackError, match=f"for user {NAMELESS}, who has no name in the list of users: run this as"):
        async with Engines.start(tmp_path, valkey=False, durable=False):
            pass


@AS_ROOT
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.parametrize(
    ("capabilities", "code", "said"),
    [
        (CONTAINER, 0, ""),
        (
            CONTAINER.replace("setpcap ", "").replace("setfcap ", ""),
            1,
            "root may not become another user who can reach",
        ),
        ("", 1, "set POSTGRES_URL to a server of your own"),
    ],
    ids=["as in a container", "neither ambient nor namespace", "none at all"],
)
def test_root_with_fewer_capabilities_below_a_directory_of_root(
    tmp_path: Path, capabilities: str, code: int, said: str
) -> None:
    tmp_path.chmod(0o700)
    bounding = ",".join(["-all", *(f"+{name}" for name in capabilities.split())])
    done = subprocess.run(
        ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", sys.executable, "-c", USE, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr

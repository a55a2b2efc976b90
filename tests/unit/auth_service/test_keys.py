"""The file of signing keys and its commands."""

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from auth_service import keys
from auth_service.keyring import KeyRing
from chassis.lifecycle import Fatal
from chassis.tokens import parse_jwks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A fresh file."""
    path = tmp_path / "keys.json"
    assert keys.create(path)
    return path


def test_a_new_file_is_private_and_has_a_current_and_a_next_key(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [key.role for key in keys.read(path).keys] == ["current", "next"]
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    assert not keys.create(path)
    assert path.read_bytes() == before


def test_the_id_of_a_key_is_its_thumbprint() -> None:
    # RFC 8037 appendix A.3
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    assert keys.thumbprint(x) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert keys.Jwk("k", x, d, "current", 0).private_key()


def test_a_rotation_moves_every_key_on(path: Path) -> None:
    before = keys.read(path)
    after = keys.rotate(path)
    assert keys.read(path) == after
    assert [key.role for key in after.keys] == ["current", "next", "previous"]
    assert after.keys[0].kid == before.keys[1].kid
    assert after.keys[2].kid == before.keys[0].kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_retired_key_is_kept_while_its_tokens_may_live(path: Path) -> None:
    file = keys.read(path)
    first = file.current.kid
    for now in (1000.0, 1010.0, 1000.0 + keys.KEEP_SECONDS - 1):
        file = keys.rotated(file, now)
        assert first in [key.kid for key in file.keys]
    file = keys.rotated(file, 1000.0 + keys.KEEP_SECONDS)
    assert first not in [key.kid for key in file.keys]
    assert len({key.kid for key in file.keys}) == len(file.keys)


def changed(path: Path, **values: str) -> bytes:
    document = json.loads(path.read_bytes())
    document["keys"][0].update(values)
    return msgspec.json.encode(document)


def test_a_file_that_is_not_usable_is_refused_without_showing_it(path: Path) -> None:
    secret = keys.read(path).current.d
    other = keys.generate("next", 0)
    for content in (
        b"",
        b"[]",
        b'{"keys": []}',
        path.read_bytes()[:-20],
        changed(path, role="next"),
        changed(path, role="king"),
        changed(path, d="AAAA"),
        changed(path, d="not base64 at all!"),
        changed(path, x=other.x),
        changed(path, kty="RSA"),
        changed(path, kid=keys.read(path).keys[1].kid),
    ):
        broken = path.with_name("broken.json")
        broken.write_bytes(content)
        with pytest.raises(keys.KeyFileError) as caught:
            keys.read(broken)
        assert secret not in str(caught.value)
        with pytest.raises(keys.KeyFileError):
            keys.rotate(broken)
        assert broken.read_bytes() == content


def test_the_commands(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    def run(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run([sys.executable, "-m", "auth_service.keys", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    assert run("create", str(path))[0] == 0
    first = path.read_bytes()
    code, out, _ = run("create", str(path))
    assert (code, path.read_bytes()) == (0, first)
    assert "nothing to do" in out
    code, out, _ = run("rotate", str(path))
    assert code == 0
    assert keys.read(path).current.kid in out
    assert keys.read(path).current.d not in out
    assert run("rotate", str(tmp_path / "absent.json"))[0] == 1
    assert run("create", str(tmp_path / "absent" / "keys.json"))[0] == 1
    code, out, _ = run("print")
    (tmp_path / "printed.json").write_text(out)
    assert code == 0
    assert [key.role for key in keys.read(tmp_path / "printed.json").keys] == ["current", "next"]
    assert run("destroy", str(path))[0] == 2
    assert run()[0] == 2


async def test_the_ring_publishes_every_key_and_signs_with_the_current(path: Path) -> None:
    ring = KeyRing(path)
    await ring.start()
    file = keys.read(path)
    assert set(parse_jwks(ring.jwks())) == {key.kid for key in file.keys}
    assert ring.signing_key()[0] == file.current.kid
    assert await ring.key(file.keys[1].kid) is not None
    assert await ring.key("another") is None
    assert file.current.d.encode() not in ring.jwks()


async def test_the_ring_notices_a_rotation(path: Path) -> None:
    ring = KeyRing(path, check_seconds=0)
    await ring.start()
    before = ring.signing_key()[0]
    after = keys.rotate(path)
    assert ring.signing_key()[0] == after.current.kid != before
    assert await ring.key(before) is not None


async def test_the_ring_follows_a_mounted_secret(path: Path) -> None:
    """A Secret is a link to a link to a folder, which is exchanged as a whole."""
    folder = path.parent
    for number in (1, 2):
        (folder / f"data{number}").mkdir()
        keys.create(folder / f"data{number}" / "keys.json")
        os.utime(folder / f"data{number}" / "keys.json", (1, 1))
    (folder / "data").symlink_to("data1")
    (folder / "mounted.json").symlink_to("data/keys.json")
    ring = KeyRing(folder / "mounted.json", check_seconds=0)
    await ring.start()
    (folder / "fresh").symlink_to("data2")
    (folder / "fresh").rename(folder / "data")
    assert ring.signing_key()[0] == keys.read(folder / "data2" / "keys.json").current.kid


async def test_the_ring_keeps_what_it_has_when_the_file_breaks(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ring = KeyRing(path, check_seconds=0)
    await ring.start()
    kid, jwks = ring.signing_key()[0], ring.jwks()
    caplog.set_level(logging.ERROR)
    path.write_text("{")
    assert (ring.signing_key()[0], ring.jwks()) == (kid, jwks)
    path.unlink()
    assert (ring.signing_key()[0], ring.jwks()) == (kid, jwks)
    assert len(caplog.records) >= 2
    keys.create(path)
    assert ring.signing_key()[0] != kid


async def test_without_a_usable_file_the_service_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be read"):
        await KeyRing(tmp_path / "absent.json").start()
    (tmp_path / "empty.json").touch()
    with pytest.raises(Fatal, match="not a private JWK set"):
        await KeyRing(tmp_path / "empty.json").start()

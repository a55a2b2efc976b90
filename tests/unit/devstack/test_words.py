"""What is said, and what is not."""

import signal

import pytest

from devstack.console import shown
from devstack.databases import owner_url
from devstack.passwords import derive
from devstack.process import ending


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-250, "was ended by signal 250"),
    ],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert ending(code) == words


@pytest.mark.parametrize(
    ("url", "visible"),
    [
        ("postgresql://me:secret@127.0.0.1:5432/chat?password=secret", "postgresql://127.0.0.1:5432"),
        ("redis://:secret@[::1]:6379/0", "redis://[::1]:6379"),
        ("kafka://a:1,b:2", "kafka://a:1,b:2"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, visible: str) -> None:
    assert shown(url) == visible


def test_a_role_enters_its_own_database_on_the_same_server() -> None:
    url = owner_url("postgresql://postgres:old@h:1/postgres?sslmode=require", "chat", "secret")
    assert url == f"postgresql://chat:{derive('secret', 'role:chat')}@h:1/chat?sslmode=require"


def test_passwords_differ_by_use_and_by_secret_and_need_no_quoting() -> None:
    passwords = {derive(secret, label) for secret in ("one", "two") for label in ("role:auth", "role:chat", "valkey")}
    assert len(passwords) == 6
    assert all(len(password) == 40 and password.isalnum() for password in passwords)
    assert derive("one", "valkey") == derive("one", "valkey")

"""Passwords that are guessed first."""

import pytest

from auth_service.strength import Strength

ABOUT = ["Alice.Smith", "alice@example.org", None]


@pytest.mark.parametrize(
    "password", ["password", "PassWord123", "12345678", "qwerty123", " iloveyou1 ", "alice.smith", "ALICE@example.org"]
)
def test_what_everybody_tries_is_guessed_first(password: str) -> None:
    assert Strength(10_000).is_guessed_first(password, ABOUT)


@pytest.mark.parametrize(
    "password", ["x" * 8, "x" * 128, "correct horse battery staple", "alice.smith.1", "密码密码密码密码"]
)
def test_length_and_kinds_of_characters_are_nobodys_business(password: str) -> None:
    assert not Strength(10_000).is_guessed_first(password, ABOUT)


def test_how_many_are_refused_is_a_setting() -> None:
    assert not Strength(100).is_guessed_first("password123", ABOUT)
    assert not Strength(0).is_guessed_first("password", ABOUT)
    assert not Strength(0).is_guessed_first("alice.smith", ABOUT)

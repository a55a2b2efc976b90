"""Names, addresses, passwords."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service import policy
from auth_service.model import Registration


@pytest.mark.parametrize("name", ["abc", "A.b_c-9", "...", "a" * 50])
def test_a_username_is_3_to_50_of_a_few_characters(name: str) -> None:
    assert policy.is_username(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 51,
        "a b",
        "abc\n",
        "\nabc",
        "käse",
        "a@b",
        "a/b",
        "abc\x00",
        "\N{FULLWIDTH LATIN SMALL LETTER A}bc",
    ],
)
def test_any_other_username_is_refused(name: str) -> None:
    assert not policy.is_username(name)


@given(st.text())
def test_folding_twice_is_folding_once_and_touches_ascii_only(text: str) -> None:
    folded = policy.fold(text)
    assert policy.fold(folded) == folded
    assert len(folded) == len(text)
    assert [a for a in folded if not a.isascii()] == [a for a in text if not a.isascii()]
    assert not set(folded) & set(string.ascii_uppercase)


@pytest.mark.parametrize(
    "email", ["a@b.c", "first.last+tag@sub.example.org", "ü@exämple.org", "x" * 242 + "@example.org"]
)
def test_what_looks_like_an_address_is_one(email: str) -> None:
    assert policy.is_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@b",
        "@b.c",
        "a@.c",
        "a@b.",
        "a@b..c",
        "a b@c.d",
        "a@b@c.d",
        "a@b.c\n",
        "a\x00@b.c",
        "x" * 243 + "@example.org",
    ],
)
def test_anything_else_is_no_address(email: str) -> None:
    assert not policy.is_email(email)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("1234567", False),
        ("12345678", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("\N{GRINNING FACE}" * 7, False),
        ("\N{GRINNING FACE}" * 8, True),
        ("\N{GRINNING FACE}" * 128, True),
        ("        ", True),
        ("with nul \x00", False),
        ("\n\t\r\x01\x7f\u2028\ufeff\u202e", True),
    ],
)
def test_a_password_is_8_to_128_characters_of_any_kind(password: str, good: bool) -> None:
    assert policy.is_password(password) is good


def test_a_password_that_is_too_long_is_not_even_encoded() -> None:
    with pytest.raises(ValueError, match="too long"):
        policy.password_bytes("x" * 129)


def test_composed_and_decomposed_are_one_password() -> None:
    assert policy.password_bytes("caf\u00e9") == policy.password_bytes("cafe\u0301")
    assert policy.password_bytes("Caf\u00e9") != policy.password_bytes("caf\u00e9")


def test_the_display_name_is_the_username_unless_there_is_one() -> None:
    for given_name, shown in ((None, "ada"), ("", "ada"), ("  ", "ada"), (" Ada L. ", "Ada L.")):
        assert policy.display_name(Registration("ada", "12345678", display_name=given_name)) == shown


def test_every_mistake_of_a_registration_is_found() -> None:
    registration = Registration("a b", "short", email="none", display_name="a\nb", fcm_token="a b")
    fields = [field for field, _ in policy.mistakes(registration)]
    assert fields == ["username", "password", "email", "display_name", "fcm_token"]


def test_an_emoji_that_is_several_characters_is_a_fine_display_name() -> None:
    assert policy.mistakes(Registration("ada", "12345678", display_name="\U0001f469\u200d\U0001f680")) == []

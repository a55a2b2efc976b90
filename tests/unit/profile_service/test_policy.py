"""The rules, without anything around them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import uuid7
from chassis.problems import Forbidden, Invalid
from profile_service import policy
from profile_service.model import MAX_SEARCH_KEY, NewProfile, ProfileChange, search_key
from profile_service.policy import NOBODY, Position

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HIGH = st.text(st.sampled_from("a\ud7ff\ue000\uffff\U0010fffe\U0010ffff"), max_size=6)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "HTTPS://example.org:8443/a/b.png?c=d&e=%20#f",
        "https://[2001:db8::1]/a.png",
        "https://例え.jp/アバター.png",
        "http://127.0.0.1/~me/(1).png",
    ],
)
def test_web_addresses(url: str) -> None:
    assert policy.is_web_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/a.png",
        "//example.org/a.png",
        "http:/example.org",
        "http://",
        "https://:443/",
        "data:image/png;base64,AAAA",
        "javascript://example.org/%0aalert(1)",
        "http://example.org/a b",
        "http://example.org/\n",
        "http://exam\tple.org/",
        "http://example.org/\u202egnp.exe",
        "http://user@example.org/",
        "http://example.org:99999/",
        "http://example.org\\@evil.org/",
        "https://example.org/<svg>",
    ],
)
def test_what_is_no_web_address(url: str) -> None:
    assert not policy.is_web_address(url)


@pytest.mark.parametrize(("text", "visible"), [("a", True), ("🦊", True), (" .", True), ("\u200b \u00ad\t", False)])
def test_a_name_needs_a_visible_character(text: str, visible: bool) -> None:
    assert policy.has_a_visible_character(text) is visible


def test_a_body_may_repeat_the_username_but_not_change_it() -> None:
    policy.check_body(ProfileChange(username="alice"), "alice")
    policy.check_body(NewProfile(), "alice")
    with pytest.raises(Invalid) as caught:
        policy.check_body(ProfileChange(username="Alice", display_name=" "), "alice")
    assert [error.field for error in caught.value.errors or []] == ["username", "displayName"]


def test_preferences_have_a_size_and_a_depth() -> None:
    assert policy.preferences_mistake({"k": "x" * 8184}) is None
    assert "8192 bytes" in (policy.preferences_mistake({"k": "x" * 8185}) or "")
    deep: object = 1
    for _ in range(15):
        deep = [deep]
    assert policy.preferences_mistake({"k": deep}) is None
    assert "deeper than 16" in (policy.preferences_mistake({"k": [deep]}) or "")


def test_only_the_owner_writes() -> None:
    me = uuid7()
    policy.check_owner(me, me)
    with pytest.raises(Forbidden):
        policy.check_owner(uuid7(), me)


@given(TEXT | HIGH, TEXT | HIGH)
def test_end_of_a_prefix_is_after_all_that_begin_with_it_and_before_all_others(prefix: str, other: str) -> None:
    """In the order of UTF-8 bytes, which is Postgres's COLLATE "C"."""
    prefix, other = (text.replace("\U0010ffff", "") for text in (prefix, other))  # no character, in no name
    end = policy.end_of(prefix).encode()
    assert prefix.encode() <= (prefix + other).encode() < end
    if other.encode() >= prefix.encode() and not other.startswith(prefix):
        assert other.encode() >= end


@given(TEXT.map(lambda text: text.replace("\x00", "")), st.uuids())
def test_a_cursor_is_read_as_it_was_written(key: str, user_id: object) -> None:
    position = Position(key, user_id)  # type: ignore[arg-type]
    text = policy.write_cursor(position)
    assert policy.read_cursor(text, key[:3]) == position
    assert text.replace("-", "").replace("_", "").isalnum()


def test_no_cursor_is_the_beginning() -> None:
    assert policy.read_cursor("", "al") == Position("al", NOBODY)


@given(st.text(max_size=80), TEXT)
def test_any_other_text_is_refused_as_a_cursor(text: str, prefix: str) -> None:
    try:
        position = policy.read_cursor(text, prefix)
    except Invalid as problem:
        assert [error.field for error in problem.errors or []] == ["cursor"]
    else:
        assert position.key.startswith(prefix)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_a_search_key_is_bounded_and_knows_no_case(text: str) -> None:
    key = search_key(text)
    assert len(key) <= MAX_SEARCH_KEY
    assert unicodedata.normalize("NFKC", key) == key or len(key) == MAX_SEARCH_KEY


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("\uff21\uff22\uff23", "abc"),
        ("É", "e\u0301"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("  Ann", "ann"),
        ("ﬁ", "FI"),
    ],
)
def test_search_keys_of_what_looks_alike_are_equal(one: str, other: str) -> None:
    assert search_key(one) == search_key(other)

"""What somebody from elsewhere is called here."""

import pytest

from auth_service.oauth.names import display_name, username_base, username_candidates
from auth_service.oauth.provider import ExternalUser
from auth_service.policy import is_username


@pytest.mark.parametrize(
    ("username", "name", "base"),
    [
        ("alice", "Alice Smith", "alice"),
        ("alice@example.org", "", "alice"),
        ("", "Zoë Müller", "Zoe.Muller"),
        ("李", "李小龙", "user"),
        ("-a-", "B", "user"),
        ("x" * 200, "", "x" * 40),
        ("", "", "user"),
        ("a/../b", "", "a..b"),
    ],
)
def test_the_username_is_like_the_one_elsewhere(username: str, name: str, base: str) -> None:
    user = ExternalUser("1", "private@example.org", username, name)
    assert username_base(user) == base
    candidates = username_candidates(user)
    assert all(is_username(candidate) for candidate in candidates)
    assert len(set(candidates)) == len(candidates) >= 4
    assert not any("private" in candidate for candidate in candidates)


def test_the_display_name_is_ones_own_if_it_can_be_one() -> None:
    assert display_name(ExternalUser("1", name="Alice\nSmith\x00 "), "alice") == "AliceSmith"
    assert display_name(ExternalUser("1", name=" \t"), "alice") == "alice"
    assert len(display_name(ExternalUser("1", name="x" * 500), "alice")) == 100

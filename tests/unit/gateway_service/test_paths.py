"""Request targets that other programs might read differently do not get in."""

import pytest

from chassis.problems import Problem
from gateway_service.paths import clear_path
from gateway_service.routes import Kind, Router


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/auth/login", "/auth/login"),
        (b"/auth/login/", "/auth/login"),
        (b"/%61uth/login", "/auth/login"),
        (b"/api/chat/ws/chat/", "/api/chat/ws/chat"),
        (b"/profiles/r%C3%A9n%C3%A9e", "/profiles/rénée"),
        (b"/profiles/a%20b", "/profiles/a b"),
        (b"/profiles/%252e%252e", "/profiles/%2e%2e"),
        (b"/.well-known/jwks.json", "/.well-known/jwks.json"),
        (b"/profiles/...", "/profiles/..."),
        (b"/profiles/..x", "/profiles/..x"),
    ],
)
def test_a_plain_path_is_decoded_once(target: bytes, path: str) -> None:
    assert clear_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        b"/auth/../internal/users",
        b"/auth/..%2finternal",
        b"/auth/%2e%2e/internal/users",
        b"/auth/%2E./internal/users",
        b"/auth/.%2e/internal/users",
        b"/auth/./login",
        b"/auth/..",
        b"/auth/.",
        b"//internal/users",
        b"/auth//login",
        b"/auth/login//",
        b"/auth%2Finternal",
        b"/auth%5c..%5cinternal",
        b"/auth\\..\\internal",
        b"/auth/%00",
        b"/auth/%0d%0ax",
        b"/auth/%ff%fe",
        b"/auth#/internal",
        b"*",
        b"",
        b"internal",
        b"host:443",
        b"http://internal/internal/users",
    ],
)
def test_an_ambiguous_target_is_refused(target: bytes) -> None:
    with pytest.raises(Problem) as caught:
        clear_path(target)
    assert caught.value.status == 400
    assert caught.value.code == "bad_path"


@pytest.mark.parametrize("target", [b"/%69nternal/users", b"/internal%3b/users", b"/auth%2e/x", b"/;/internal"])
def test_an_encoded_name_is_looked_up_as_what_it_means(target: bytes) -> None:
    assert Router().find(Kind.HTTP, clear_path(target)) is None

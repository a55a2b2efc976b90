"""The error body and its exceptions."""

import msgspec
import pytest

from chassis import problems
from chassis.problems import FieldError, Invalid, Problem, TooMany, Unauthorized, Unavailable


def test_the_body_has_everything_that_the_contract_names() -> None:
    document = msgspec.json.decode(Problem(409, "It is taken.", code="taken").body("the-id"))
    assert document == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "It is taken.",
        "code": "taken",
        "request_id": "the-id",
    }


def test_fields_are_listed_and_told_in_words() -> None:
    problem = Invalid(("name", "is required"), ("age", "is too small"))
    assert problem.errors == [FieldError("name", "is required"), FieldError("age", "is too small")]
    document = msgspec.json.decode(problem.body("x"))
    assert document["detail"] == "name: is required; age: is too small"
    assert document["errors"][1] == {"field": "age", "detail": "is too small"}


def test_every_status_has_a_title_a_detail_and_a_code() -> None:
    for status in (*range(400, 600), 999):
        document = msgspec.json.decode(Problem(status).body("x"))
        assert document["title"]
        assert document["detail"]
        assert document["code"].replace("_", "").isalpha()


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (-5, "1"), (60, "60")])
def test_retry_after_is_whole_seconds_and_never_too_early(seconds: float, header: str) -> None:
    assert TooMany(seconds).headers == {"Retry-After": header}
    assert Unavailable(retry_after=seconds).headers == {"Retry-After": header}


def test_a_challenge_tells_none_from_bad() -> None:
    assert Unauthorized().headers["WWW-Authenticate"] == "Bearer"
    assert 'error="invalid_token"' in Unauthorized(code="token_expired").headers["WWW-Authenticate"]


def test_the_kinds_have_the_status_of_their_docstring() -> None:
    kinds = [problems.Forbidden(), problems.NotFound(), problems.Conflict(), Invalid(), TooMany(1), Unavailable()]
    for kind in kinds:
        assert (type(kind).__doc__ or "").startswith(str(kind.status))
        assert str(kind.status) in str(kind)

"""The `Authorization` header."""

import pytest

from chassis.problems import Unauthorized
from chassis.tokens import bearer_token


@pytest.mark.parametrize("values", [["Bearer abc"], ["bearer abc"], ["BEARER   abc  "]])
def test_a_bearer_token_is_found(values: list[str]) -> None:
    assert bearer_token(values) == "abc"


@pytest.mark.parametrize(
    "values", [[], [""], ["Bearer"], ["Bearer "], ["Basic abc"], ["abc"], ["Bearer abc", "Bearer abc"], ["Bearer\tabc"]]
)
def test_no_or_another_authorization_is_none(values: list[str]) -> None:
    with pytest.raises(Unauthorized) as caught:
        bearer_token(values)
    assert (caught.value.code, caught.value.headers) == ("unauthorized", {"WWW-Authenticate": "Bearer"})

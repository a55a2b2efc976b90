"""Which headers pass inward and outward."""

import pytest

from gateway_service.headers import named_in_connection, passes_inward, passes_outward, response_headers


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-authorization",
        b"proxy-connection",
        b"trailer",
        b"content-length",
        b"host",
        b"x-request-id",
        b"expect",
        b"x-user-id",
        b"x_user_id",
        b"x-user",
        b"x-forwarded-user",
        b"x-forwarded-for",
        b"x-forwarded-email",
        b"x-auth-request-user",
        b"x-authenticated-userid",
        b"x-remote-user",
        b"remote-user",
        b"x-parley-connection",
        b"x-internal-call",
        b"x-original-url",
        b"x-real-ip",
        b"forwarded",
        b"traceparent",
        b"tracestate",
        b"baggage",
    ],
)
def test_what_a_service_might_believe_does_not_pass(name: bytes) -> None:
    assert not passes_inward(name)


@pytest.mark.parametrize(
    "name", [b"authorization", b"content-type", b"accept", b"cookie", b"user-agent", b"if-none-match", b"x-custom"]
)
def test_the_rest_passes(name: bytes) -> None:
    assert passes_inward(name)


def test_what_connection_names_is_for_this_hop() -> None:
    assert named_in_connection([(b"connection", b"close, X-Hop"), (b"connection", b"other")]) == {
        b"close",
        b"x-hop",
        b"other",
    }


def test_answers_lose_hop_headers_and_claims_that_are_ours_to_make() -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"connection", b"x-secret-hop"),
        (b"x-secret-hop", b"1"),
        (b"transfer-encoding", b"chunked"),
        (b"ratelimit-limit", b"1"),
        (b"access-control-allow-origin", b"*"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]
    assert response_headers(headers, 200, [(b"ratelimit-limit", b"60")]) == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"ratelimit-limit", b"60"),
    ]


def test_an_answer_without_content_has_no_length() -> None:
    assert response_headers([(b"content-length", b"0")], 204, []) == []
    assert passes_outward(b"content-length")

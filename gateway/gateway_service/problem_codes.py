"""The codes of problems, of all services: what pages show and docs/protocol.md has; tests hold it to the code.

Their texts are for people who write clients; backticks and links are those of Markdown.
"""

import msgspec


class Row(msgspec.Struct, frozen=True):
    """Codes that mean the same to a client; several statuses where each code has its own, in order."""

    statuses: tuple[int, ...]
    codes: tuple[str, ...]
    meaning: str


TABLE = (
    Row((400,), ("malformed", "malformed_json"), "not HTTP as it should be, not JSON"),
    Row((400,), ("bad_path", "bad_framing"), "a target or a body that two programs could read differently"),
    Row((401,), ("unauthorized",), "no token, or more than one"),
    Row(
        (401,),
        ("token_invalid", "token_expired", "token_revoked"),
        "refresh on `token_expired`; the other two need a login",
    ),
    Row((401,), ("ticket_invalid",), "unknown, used or too old"),
    Row((401,), ("invalid_credentials",), "unknown user or wrong password: the same answer after the same work"),
    Row((401,), ("refresh_invalid", "refresh_reused"), "log in again"),
    Row((403,), ("forbidden",), "it is somebody else's"),
    Row((403,), ("wrong_password",), "the current password, when changing it or the address, or deleting the account"),
    Row((403,), ("login_again",), "the account has no password, and the login is not fresh"),
    Row((403,), ("not_the_owner", "direct_room"), "only an owner may; a direct room keeps its two"),
    Row((403,), ("not_the_author",), "it is somebody else's message"),
    Row((403,), ("origin_refused",), "a page of a site that is not allowed"),
    Row(
        (404,),
        ("not_found", "room_not_found", "message_not_found", "user_not_found", "member_not_found", "page_not_found"),
        "unknown, or not visible to you",
    ),
    Row((405,), ("method_not_allowed",), "`Allow` says which are"),
    Row((408,), ("request_timeout",), "the body did not come"),
    Row(
        (409,),
        (
            "conflict",
            "username_taken",
            "email_taken",
            "email_verified",
            "no_email",
            "last_login",
            "profile_exists",
            "client_id_reused",
            "room_full",
            "message_deleted",
        ),
        "",
    ),
    Row((413,), ("too_large",), "the body is over 64 KiB"),
    Row((414, 431), ("uri_too_long", "headers_too_large"), "the head is over 16 KiB"),
    Row((415,), ("unsupported_media_type",), "not `application/json`"),
    Row((422,), ("invalid",), "see `errors`"),
    Row((422,), ("common_password",), "one of those that are guessed first"),
    Row((422,), ("code_invalid",), "the code of a login elsewhere is unknown, used or too old, or another client's"),
    Row((422,), ("link_invalid",), "the token of a mail is unknown, used or too old"),
    Row((422,), ("too_long",), "a message of more than 4,000 characters"),
    Row((422,), ("self_room",), "a direct room with oneself"),
    Row((422,), ("reply_not_found",), "there is no message `reply_to` in that room"),
    Row((426,), ("upgrade_required",), "this is a WebSocket"),
    Row((429,), ("rate_limited",), "after `Retry-After` seconds"),
    Row((429,), ("too_many_failures",), "wrong passwords for this account"),
    Row((500,), ("internal",), "our mistake"),
    Row((501,), ("no_websocket_here",), "WebSockets need HTTP/1.1"),
    Row((502,), ("bad_gateway",), "a service broke off"),
    Row((503,), ("no_mail",), "this installation sends no mail"),
    Row(
        (503,),
        (
            "unavailable",
            "busy",
            "draining",
            "upstream_away",
            "upstream_busy",
            "keys_unavailable",
            "sessions_unavailable",
        ),
        "after `Retry-After` seconds",
    ),
    Row((504,), ("upstream_timeout",), "a service did not answer in time"),
)

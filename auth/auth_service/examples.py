"""What the OpenAPI document shows of each call, by the name of its handler; tests run all of it, in one story."""

from chassis.openapi import Example
from contracts.examples import (
    ACCESS_TOKEN,
    ALICE_ID,
    BOB_ID,
    NOW,
    OTHER_SESSION_ID,
    PASSWORD,
    REFRESH_TOKEN,
    SESSION_ID,
)

_NEW_PASSWORD = "staple battery horse"  # noqa: S105
_GRANT = {
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
    "expires_in": 900,
    "username": "alice",
    "user_id": ALICE_ID,
    "token_type": "Bearer",
}
_LOGIN = {"device": "curl/8.14.1", "address": "127.0.0.1", "created_at": NOW, "last_seen_at": NOW}
_KEY = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA"}

EXAMPLES = {
    "register": Example(
        body={
            "username": "alice",
            "password": PASSWORD,
            "email": "alice@example.org",
            "display_name": "Alice Liddell",
        },
        reply=_GRANT,
    ),
    "login": Example(body={"username": "alice", "password": PASSWORD}, reply=_GRANT),
    "refresh": Example(body={"refresh_token": REFRESH_TOKEN}, reply=_GRANT),
    "me": Example(
        reply={
            "user_id": ALICE_ID,
            "username": "alice",
            "display_name": "Alice Liddell",
            "email": "alice@example.org",
            "email_verified": False,
            "created_at": NOW,
            "session_id": SESSION_ID,
        }
    ),
    "list_sessions": Example(
        reply={
            "sessions": [
                {"id": SESSION_ID, **_LOGIN, "current": True},
                {"id": OTHER_SESSION_ID, **_LOGIN, "current": False},
            ]
        }
    ),
    "end_session": Example(values={"session_id": OTHER_SESSION_ID}),
    "ws_ticket": Example(reply={"ticket": "HnLnO8YF0IQgaOeCBod4dNG8LYbX…", "expires_in": 30}),
    "show": Example(values={"username": "bob"}, reply={"username": "bob", "user_id": BOB_ID}),
    "jwks": Example(
        reply={
            "keys": [
                {**_KEY, "x": "AGTedAgl42jWd7NpICv6xczHMApJ…", "kid": "elo9mkfbTHDTxfc9Sb0drxOkIR7V…"},
                {**_KEY, "x": "J2LpylozpMmjvOcFbP4n4yPk0zTi…", "kid": "ekamv6gZh-4yyJieA8ELAWr6q6mV…"},
            ]
        }
    ),
    "list_identities": Example(reply={"identities": []}),
    "register_device": Example(body={"token": "dPx7example:APA91bExample", "platform": "fcm"}),
    "remove_device": Example(values={"token": "dPx7example:APA91bExample"}),
    "request_reset": Example(body={"email": "alice@example.org"}),
    "password": Example(body={"current_password": PASSWORD, "new_password": _NEW_PASSWORD}),
    "change_email": Example(body={"email": "alice.liddell@example.org", "password": _NEW_PASSWORD}),
    "logout": Example(body={"all": True}),
    "delete_me": Example(body={"password": _NEW_PASSWORD}),
}

"""What the OpenAPI document shows of each call, by the name of its handler; tests run all of it, in one story."""

from chassis.openapi import Example
from contracts.examples import ALICE_ID, NOW

_ME = {"user_id": "me"}
_PROFILE = {
    "id": ALICE_ID,
    "username": "alice",
    "displayName": "Alice Liddell",
    "avatarUrl": None,
    "statusMessage": "Down the rabbit hole",
    "createdAt": NOW,
    "updatedAt": NOW,
    "preferences": {"theme": "dark"},
}

EXAMPLES = {
    "change_profile": Example(
        values=_ME, body={"statusMessage": "Down the rabbit hole", "preferences": {"theme": "dark"}}, reply=_PROFILE
    ),
    "show_profile": Example(values=_ME, reply=_PROFILE),
    "search_profiles": Example(
        values={"search": "ali", "limit": "20"}, reply={"results": [_PROFILE], "next_cursor": None}
    ),
    "replace_profile": Example(
        values=_ME,
        body={"displayName": "Alice", "avatarUrl": "https://example.org/alice.png"},
        reply={
            **_PROFILE,
            "displayName": "Alice",
            "avatarUrl": "https://example.org/alice.png",
            "statusMessage": None,
            "preferences": {},
        },
    ),
    "delete_profile": Example(values=_ME),
    "create_profile": Example(
        body={"displayName": "Alice Liddell"}, reply={**_PROFILE, "statusMessage": None, "preferences": {}}
    ),
}

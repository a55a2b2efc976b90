"""The examples of the OpenAPI document, run as they are: they tell one story, which happens on a real platform.

An id, a token or a name of the document stands for that of the platform which is met first in its place; from then on
it must be that one everywhere, in answers and in requests.
"""

import re
import secrets
from typing import Any
from uuid import UUID

from contracts.examples import ACCESS_TOKEN, PASSWORD
from tests.e2e.people import Platform
from tests.support.openapi import Operation, operations

STORY = (
    *("register_register", "login_login", "me", "list_sessions", "refresh", "ws_ticket", "show", "jwks"),
    *("list_identities", "end_session", "make_room", "rename_room", "invite", "remove_member", "send_message"),
    *("list_rooms", "get_room", "edit_message", "list_messages", "conversation", "mark_read", "mute_room"),
    *("delete_message", "change_profile", "show_profile", "search_profiles", "replace_profile", "delete_profile"),
    *("create_profile", "register_device", "remove_device", "request_reset", "logout", "login_auth_login", "password"),
    *("change_email", "delete_me"),
)
AGAIN = "register_auth_register"  # the same under another path: she is there already
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
COLOR = re.compile(r"#[0-9a-f]{6}")
"""What of an answer is another one each time, beside what ends in "…" and ids."""


class Story:
    """What the words of the document are called on the platform."""

    def __init__(self, platform: Platform, names: dict[str, str]) -> None:
        self.platform = platform
        self.names = names

    def here(self, value: Any) -> Any:
        """A piece of a request, in the words of the platform."""
        if isinstance(value, dict):
            return {key: self.here(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.here(one) for one in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def check(self, documented: Any, answered: Any, where: str) -> None:
        """The answer is the documented one."""
        assert type(documented) is type(answered), (where, documented, answered)
        if isinstance(documented, dict):
            assert documented.keys() == answered.keys(), where
            for key in documented:
                self.check(documented[key], answered[key], f"{where}.{key}")
        elif isinstance(documented, list):
            assert len(documented) == len(answered), where
            for one, other in zip(documented, answered, strict=True):
                self.check(one, other, f"{where}[]")
        elif isinstance(documented, str) and (kind := _kind(documented)):
            assert kind == "secret" or _kind(answered) == kind, (where, documented, answered)
            if kind == "id":
                assert self.names.setdefault(documented, answered) == answered, (where, documented, answered)
            elif kind == "secret":
                self.names[documented] = answered
        else:
            assert self.here(documented) == answered, (where, documented, answered)

    async def run(self, operation: Operation, body: Any, reply: Any) -> None:
        """Call it as documented."""
        values = {one["name"]: str(one["example"]) for one in operation.description["parameters"] if "example" in one}
        values = self.here(values)
        path = operation.path.format(**values)
        query = {name: value for name, value in values.items() if f"{{{name}}}" not in operation.path}
        token = self.names[ACCESS_TOKEN] if operation.description.get("security") else ""
        answer = await self.platform.call(
            operation.method, path, self.here(body), token=token, params=query, headers={"User-Agent": "curl/8.14.1"}
        )
        assert answer.is_success, (operation.id, answer.text)
        assert (reply is None) == (answer.content == b""), operation.id
        if reply is not None:
            self.check(reply, answer.json(), operation.id)


def _kind(text: str) -> str:
    if text.endswith("…"):
        return "secret"
    if TIME.fullmatch(text):
        return "time"
    if COLOR.fullmatch(text):
        return "color"
    try:
        return "id" if str(UUID(text)) == text else ""
    except ValueError:
        return ""


async def test_the_examples_are_a_story_that_happens(platform: Platform) -> None:
    word = secrets.token_hex(4)
    alice, bob = f"alice.{word}", f"bob.{word}"
    mails = {address: f"{word}.{address}" for address in ("alice@example.org", "alice.liddell@example.org")}
    story = Story(platform, {"alice": alice, "ali": alice, "bob": bob, "Bob": "Bob", **mails})
    registered = await platform.call(
        "POST", "/auth/register", {"username": bob, "password": PASSWORD, "display_name": "Bob"}
    )
    assert registered.status_code == 201
    known = {operation.id: operation for operation in operations() if operation.examples}
    assert {*STORY, AGAIN} == set(known)
    for name in STORY:
        for body, reply in known[name].examples.values():
            await story.run(known[name], body, reply)

"""What the OpenAPI document shows of each call, by the name of its handler; tests run all of it, in one story."""

from typing import Any

from chassis.openapi import Example
from contracts.examples import ALICE_ID, BOB_ID, MESSAGE_ID, NOW, ROOM_ID

_BOB = {
    "id": BOB_ID,
    "username": "bob",
    "full_name": "Bob",
    "is_online": False,
    "last_seen": None,
    "bg_color": "#c09efe",
}
_ALICE = {**_BOB, "id": ALICE_ID, "username": "alice", "full_name": "Alice Liddell", "bg_color": "#ef87e2"}
_ROOM: dict[str, Any] = {
    "id": ROOM_ID,
    "type": "direct",
    "name": None,
    "friend": _BOB,
    "last_message": "Hello, Bob!",
    "last_message_at": NOW,
    "unread_count": 0,
    "last_seq": 1,
    "read_seq": 1,
    "joined_seq": 0,
    "rev": 0,
    "muted": False,
}
_EMPTY = {**_ROOM, "last_message": "", "last_message_at": None, "last_seq": 0, "read_seq": 0}
_MESSAGE: dict[str, Any] = {
    "id": MESSAGE_ID,
    "room": ROOM_ID,
    "seq": 1,
    "rev": 0,
    "user": _ALICE,
    "content": "Hello, Bob!",
    "created_at": NOW,
    "is_delivered": False,
    "is_read": False,
    "direction": "sent",
    "client_id": "b3d1c9",
}
_EDITED = {**_MESSAGE, "rev": 1, "content": "Hello, Bob.", "edited_at": NOW}
_GROUP_ID = "0197f2c3-4d5e-7a6b-9c7d-8e9f0a1b2c3d"
_GROUP = {**_EMPTY, "id": _GROUP_ID, "type": "group", "name": "Tea party", "friend": None, "rev": 1}

_HERE, _THIS = {"room": ROOM_ID}, {"room": ROOM_ID, "seq": "1"}
_THERE = {"room": _GROUP_ID}


def _page(*results: object) -> dict[str, object]:
    return {"count": len(results), "next": None, "previous": None, "results": list(results)}


EXAMPLES = {
    "make_room": Example(body={"type": "direct", "user": "bob"}, reply=_EMPTY),
    "make_room: a group": Example(
        body={"type": "group", "name": "Tea", "members": []}, reply={**_GROUP, "name": "Tea", "rev": 0}
    ),
    "rename_room": Example(values=_THERE, body={"name": "Tea party"}, reply=_GROUP),
    "invite": Example(values=_THERE, body={"user": "bob"}, reply={**_GROUP, "rev": 2}),
    "remove_member": Example(values={**_THERE, "user": BOB_ID}),
    "send_message": Example(
        body={"receiver": "bob", "message": "Hello, Bob!", "client_id": "b3d1c9"},
        reply=_MESSAGE,
    ),
    "list_rooms": Example(values={"page_size": "50"}, reply=_page(_ROOM, {**_GROUP, "rev": 3})),
    "get_room": Example(values=_HERE, reply=_ROOM),
    "edit_message": Example(values=_THIS, body={"content": "Hello, Bob."}, reply=_EDITED),
    "list_messages": Example(values={**_HERE, "after": "0", "limit": "50"}, reply=_page(_EDITED)),
    "conversation": Example(values={"with": "bob", "limit": "50"}, reply=_page(_EDITED)),
    "mark_read": Example(values=_HERE, reply={"room": ROOM_ID, "read_seq": 1}),
    "mute_room": Example(values=_HERE, body={"muted": True}, reply={"room": ROOM_ID, "muted": True, "until": None}),
    "delete_message": Example(values=_THIS),
}

"""Two people chat in two browsers, whatever happens to the network, the pods and the tokens meanwhile."""

import asyncio
import re

import pytest

from devstack.background import Background
from tests.browser.conftest import PHONE, People, Person

pytestmark = pytest.mark.timeout(120)


async def a_pair(people: People, stack: Background) -> tuple[Person, Person]:
    alice, bob = await people.member(stack, "Alice"), await people.member(stack, "Bob", color_scheme="dark")
    await alice.begin_chat(bob)
    await bob.open_room("Alice")
    return alice, bob


async def test_two_people_chat_and_see_how_far_their_messages_have_come(stack: Background, people: People) -> None:
    alice, bob = await a_pair(people, stack)
    await alice.say("Hello Bob")
    await bob.sees("Hello Bob")
    await bob.say("Hello Alice")
    await alice.sees("Hello Alice")
    await alice.page.get_by_role("img", name="read").wait_for()
    await bob.writing_place().press_sequentially("I am")
    await alice.page.get_by_text("Bob is typing").wait_for()
    await bob.writing_place().fill("I am here")
    await bob.writing_place().press("Enter")
    await alice.sees("I am here")
    assert await alice.page.get_by_text("is typing").count() == 0
    assert await alice.messages() == await bob.messages() == ["Hello Bob", "Hello Alice", "I am here"]
    await alice.picture("chat-light")
    await bob.picture("chat-dark")
    assert alice.complaints + bob.complaints == []


async def test_who_comes_back_to_the_page_is_still_signed_in_and_finds_everything(
    stack: Background, people: People
) -> None:
    alice, bob = await a_pair(people, stack)
    await alice.say("before")
    await bob.sees("before")
    await bob.page.goto("about:blank")
    await alice.say("while you were away")
    await bob.page.goto(stack.gateway_url)
    room = bob.page.get_by_role("navigation").get_by_role("button", name=re.compile("Alice"))
    await room.wait_for()
    await room.get_by_text("unread").wait_for()
    await room.click()
    await bob.sees("while you were away")
    await bob.page.get_by_role("button", name=re.compile("unread")).wait_for(state="detached")
    assert await bob.messages() == ["before", "while you were away"]
    assert await bob.page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
    assert await bob.page.evaluate("document.cookie") == ""


async def test_nothing_is_missing_or_doubled_after_a_time_offline_in_which_a_pod_is_killed(
    stack: Background, people: People
) -> None:
    alice, bob = await a_pair(people, stack)
    await alice.say("0")
    await bob.sees("0")
    await bob.page.context.set_offline(True)
    await bob.say("written offline")
    await bob.page.get_by_text("You are offline.").wait_for()
    away = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    assert await bob.page.get_by_role("log").evaluate(away) < 2, "the banner does not hide the newest message"
    for number in range(1, 6):
        await alice.say(str(number))
    for pod in ("chat-1", "chat-2"):
        pid = await asyncio.to_thread(stack.kill, pod)
        await asyncio.to_thread(stack.until_ready, pod, other_than=pid)
        await alice.say(f"after {pod}")
    await alice.page.get_by_role("status").get_by_text("Reconnecting").wait_for(state="hidden")
    await bob.page.context.set_offline(False)
    await bob.sees("after chat-2")
    await alice.sees("written offline")
    await alice.page.get_by_role("img", name="sending").wait_for(state="detached")
    expected = ["0", "1", "2", "3", "4", "5", "after chat-1", "after chat-2", "written offline"]
    for person in (alice, bob):
        await person.sees("written offline")
        shown = await person.messages()
        assert sorted(shown) == sorted(expected)
        assert [text for text in shown if text != "written offline"] == expected[:-1]


async def test_a_token_that_ends_is_renewed_without_anybody_noticing(short_stack: Background, people: People) -> None:
    alice, bob = await a_pair(people, short_stack)
    sockets: list[str] = []
    alice.page.on("websocket", lambda socket: sockets.append(socket.url))
    renewals: list[int] = []
    alice.page.on("response", lambda answer: renewals.append(answer.status) if "/web/refresh" in answer.url else None)
    for number in range(8):
        await bob.say(f"tick {number}")
        await alice.sees(f"tick {number}")
        await asyncio.sleep(1)  # the tokens' life is what is tested
    assert renewals.count(200) >= 1
    assert sockets == [], "the socket stayed open on its second token"
    assert await alice.messages() == [f"tick {number}" for number in range(8)]


async def test_a_message_is_edited_answered_and_deleted(stack: Background, people: People) -> None:
    alice, bob = await a_pair(people, stack)
    await alice.say("Helo")
    await bob.sees("Helo")
    await alice.writing_place().press("ArrowUp")
    await alice.writing_place().fill("Hello")
    await alice.writing_place().press("Enter")
    await bob.sees("Hello")
    await bob.page.get_by_role("article").first.hover()
    await bob.page.get_by_role("button", name="Reply").click()
    await bob.say("Hello yourself")
    await alice.sees("Hello yourself")
    await alice.page.get_by_text("Alice: Hello").wait_for()
    await alice.picture("reply")
    mine = alice.page.get_by_role("article").first
    await mine.hover()
    await mine.get_by_role("button", name="Delete").click()
    await mine.get_by_role("button", name="Really delete").click()
    await bob.sees("This message was deleted")
    for _ in ("as it happens", "and from the history"):
        assert await bob.messages() == ["This message was deleted", "Hello yourself"]
        await bob.page.reload()
        await bob.sees("Hello yourself")


async def test_a_group_is_made_renamed_and_left(stack: Background, people: People) -> None:
    alice, bob = await people.member(stack, "Alice"), await people.member(stack, "Bob")
    carol = await people.member(stack, "Carol", viewport=PHONE)
    await alice.page.get_by_role("button", name="New group").click()
    await alice.page.get_by_label("Name of the group").fill("Choir")
    await alice.page.get_by_label("Members").fill(f"{bob.username}, {carol.username}")
    await alice.page.get_by_role("button", name="Create group").click()
    await bob.open_room("Choir")
    await carol.open_room("Choir")
    await alice.say("Welcome")
    for person in (bob, carol):
        await person.sees("Welcome")
    await carol.picture("group-phone")
    await alice.page.get_by_role("button", name="Room actions").click()
    await alice.page.get_by_role("button", name="Rename").click()
    await alice.page.get_by_label("Name", exact=True).fill("Big choir")
    await alice.page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    await bob.page.get_by_role("heading", name="Big choir").wait_for()
    await bob.page.get_by_role("button", name="Room actions").click()
    await bob.page.get_by_role("button", name="Leave").click()
    await bob.page.get_by_text("Nobody to talk to yet").wait_for()


async def test_a_room_is_muted_and_a_profile_changed_and_sessions_have_names(stack: Background, people: People) -> None:
    alice, bob = await a_pair(people, stack)
    await alice.page.get_by_role("button", name="Room actions").click()
    await alice.page.get_by_role("button", name="Mute", exact=True).click()
    await alice.page.get_by_role("img", name="muted").wait_for()
    await alice.page.reload()
    await alice.page.get_by_role("img", name="muted").wait_for()
    await alice.page.get_by_role("button", name=alice.username).click()
    await alice.page.get_by_role("button", name="Sessions").click()
    await alice.page.get_by_text("Chrome on Linux").wait_for()
    await alice.picture("sessions")
    await alice.page.keyboard.press("Escape")
    await alice.page.get_by_role("button", name=alice.username).click()
    await alice.page.get_by_role("button", name="Profile").click()
    await alice.page.get_by_label("Display name").fill("Alice Liddell")
    await alice.page.get_by_role("button", name="Save").click()
    await alice.page.get_by_role("button", name="Alice Liddell").wait_for()
    await bob.page.get_by_role("heading", name="Alice Liddell").wait_for()


async def test_wrong_passwords_and_taken_names_are_said_at_their_field(stack: Background, people: People) -> None:
    alice = await people.member(stack, "Alice")
    eve = await people.visit(stack, "Eve")
    await eve.page.get_by_label("Username or e-mail").fill(alice.username)
    await eve.page.get_by_label("Password").fill("wrong password")
    await eve.page.get_by_role("button", name="Sign in").click()
    await eve.page.get_by_role("alert").get_by_text("The username or the password is wrong.").wait_for()
    await eve.page.get_by_role("button", name="Create an account").click()
    await eve.page.get_by_label("Username").fill(alice.username)
    await eve.page.get_by_label("Password").fill("a long password of mine")
    await eve.page.get_by_role("button", name="Create account").click()
    await eve.page.get_by_role("alert").wait_for()
    await eve.picture("door-error")


async def test_signing_out_ends_the_session_in_this_browser(stack: Background, people: People) -> None:
    alice = await people.member(stack, "Alice")
    await alice.page.get_by_role("button", name=alice.username).click()
    await alice.page.get_by_role("button", name="Sign out").click()
    await alice.page.get_by_role("heading", name="Sign in to Parley").wait_for()
    await alice.page.reload()
    await alice.page.get_by_role("heading", name="Sign in to Parley").wait_for()

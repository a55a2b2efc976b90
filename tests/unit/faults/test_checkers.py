"""Every checker is content with a good history, and finds what is wrong with each bad one."""

import pytest

from tests.faults.checkers import CHECKERS, check
from tests.faults.checkers.backwards import check_backwards
from tests.faults.checkers.duplicates import check_duplicates
from tests.faults.checkers.internal import check_internal
from tests.faults.checkers.late import check_late
from tests.faults.checkers.leaks import check_leaks
from tests.faults.checkers.live import check_live
from tests.faults.checkers.lost import check_lost
from tests.faults.checkers.order import check_order
from tests.faults.checkers.phantoms import check_phantoms
from tests.faults.checkers.record import check_record
from tests.faults.checkers.rolling import check_rolling
from tests.faults.checkers.stuck import check_stuck
from tests.faults.checkers.verdict import EXAMPLES, Verdict
from tests.faults.events import Connect, Entry, Read, Send
from tests.faults.history import History
from tests.unit.faults.story import ROOM, Story, eventful, good


def only(verdict: Verdict, *words: str) -> None:
    """One thing is wrong, and its example says these words."""
    assert verdict.count == 1, verdict
    assert not verdict.passed
    for word in words:
        assert word in verdict.examples[0]


def test_a_good_history_passes_every_checker() -> None:
    verdicts = check(eventful().record_all().end())
    assert [verdict for verdict in verdicts if not verdict.passed or not (verdict.looked_at or verdict.optional)] == []
    assert len({verdict.name for verdict in verdicts}) == len(CHECKERS) == 17


def test_a_checker_that_has_nothing_to_look_at_does_not_pass() -> None:
    assert [verdict.name for verdict in check(History()) if verdict.passed] == [
        "gone",
        "rolling",
    ]  # there need not be one


def test_examples_are_bounded_and_the_count_is_not() -> None:
    verdict = Verdict("any", 1)
    for number in range(EXAMPLES + 5):
        verdict.bad(str(number))
    assert (verdict.count, len(verdict.examples)) == (EXAMPLES + 5, EXAMPLES)


# --- acked-lost -------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_and_is_not_stored_is_lost() -> None:
    story = good()
    story.invoke("four")
    story.ok("four", 4)
    only(check_lost(story.end()), "four", "acknowledged")


def test_what_was_not_acknowledged_may_be_stored_or_not() -> None:
    story = good()
    story.invoke("four")
    story.invoke("five")
    story.store("five")
    assert check_lost(story.end()).passed


# --- phantom ----------------------------------------------------------------------------------------------------------


def test_what_was_never_sent_is_a_phantom() -> None:
    story = good()
    story.store("ghost")
    only(check_phantoms(story.end()), "ghost", "never sent")


def test_what_was_sent_by_somebody_else_is_a_phantom() -> None:
    story = good()
    story.invoke("four")
    story.store("four", sender="bob")
    only(check_phantoms(story.end()), "four", "was sent by alice")


def test_what_was_sent_to_another_room_is_a_phantom() -> None:
    story = good()
    story.events.append(Send(story.now(), "invoke", "alice", "alice", "elsewhere", "four"))
    story.store("four")
    only(check_phantoms(story.end()), "four", "room elsewhere")


def test_what_was_refused_is_a_phantom() -> None:
    story = good()
    story.invoke("four")
    story.outcome("fail", "four", "not_a_member")
    story.store("four")
    only(check_phantoms(story.end()), "four", "refused")


def test_what_is_delivered_and_not_stored_is_a_phantom() -> None:
    story = good()
    story.invoke("four")
    story.receive("bob", 4, "four")
    only(check_phantoms(story.end()), "four", "delivered to bob", "not stored")


# --- stored duplicate -------------------------------------------------------------------------------------------------


def test_a_send_that_is_stored_twice_is_a_duplicate() -> None:
    story = good()
    story.stored.append(Entry(4, "another", "one", "alice"))
    only(check_duplicates(story.end()), "message one", "[1, 4]")


def test_an_id_that_is_there_twice_is_a_duplicate() -> None:
    story = good()
    story.stored.append(Entry(4, "id-one", "four", "alice"))
    only(check_duplicates(story.end()), "id-one", "[1, 4]")


# --- order ------------------------------------------------------------------------------------------------------------


def test_a_hole_in_a_room_is_disorder() -> None:
    story = good()
    story.invoke("five")
    story.stored.append(Entry(5, "id-five", "five", "alice"))
    only(check_order(story.end("alice")), "has 5 in place 4")


def test_readers_that_disagree_are_disorder() -> None:
    story = good()
    other = [*story.stored[:2], Entry(3, "id-x", "x", "bob")]
    story.read("alice", story.stored, final=True)
    story.read("bob", other, final=True)
    only(check_order(story.history()), "bob has read x as 3", "three is stored")


def test_a_reader_who_lacks_the_end_is_disorder() -> None:
    story = good()
    story.read("alice", story.stored, final=True)
    story.read("bob", story.stored[:2], final=True)
    only(check_order(story.history()), "bob reads 2 messages")


def test_a_delivery_in_another_place_is_disorder() -> None:
    story = good()
    story.receive("bob", 1, "two")
    only(check_order(story.end()), "bob has got two as 1", "one is stored")


def test_a_page_that_says_another_place_is_disorder() -> None:
    story = good()
    story.read("alice", [Entry(2, "id-one", "one", "alice")])
    only(check_order(story.end()), "alice has read one as 2")


def test_an_acknowledgement_of_another_place_is_disorder() -> None:
    story = good()
    story.invoke("four")
    story.ok("four", 9)
    story.store("four")
    only(check_order(story.end()), "four was acknowledged as 9")


def test_what_was_sent_after_an_acknowledgement_goes_after_it() -> None:
    story = Story()
    story.invoke("one")
    story.ok("one", 2)
    story.invoke("two", "bob", via="http")
    story.ok("two", 1, "bob", via="http")
    story.store("two", sender="bob")
    story.store("one")
    only(check_order(story.end()), "two, sent after one was acknowledged as 2")


def test_what_one_session_sends_keeps_its_order() -> None:
    story = Story()
    story.invoke("one")
    story.invoke("two")
    story.ok("two", 1)
    story.ok("one", 2)
    story.store("two", "one")
    only(check_order(story.end()), "two, sent by alice after one, is 1")


@pytest.mark.parametrize("code", ["unavailable", "rate_limited"])
def test_what_the_server_asks_to_repeat_may_be_overtaken(code: str) -> None:
    story = Story()
    story.invoke("one")
    story.invoke("two")
    story.outcome("info", "one", code)
    story.ok("two", 1)
    story.ok("one", 2)
    story.store("two", "one")
    assert check_order(story.end()).passed


def test_what_goes_again_over_another_connection_keeps_its_order_all_the_same() -> None:
    story = Story()
    story.invoke("one")
    story.invoke("two")
    story.outcome("info", "one", "again")
    story.ok("two", 1)
    story.ok("one", 2)
    story.store("two", "one")
    only(check_order(story.end()), "two, sent by alice after one")


# --- live gap or repeat -----------------------------------------------------------------------------------------------


def test_a_message_that_is_passed_over_is_a_gap() -> None:
    story = good()
    story.receive("bob", 5, "five")
    only(check_live(story.history()), "bob got 5 after 3", "without 4")


def test_a_message_that_comes_again_is_a_repeat() -> None:
    story = good()
    story.receive("bob", 3, "three")
    only(check_live(story.history()), "bob got 3 after 3", "again")


def test_the_first_messages_of_a_connection_must_continue_what_was_asked_for() -> None:
    story = good()
    story.close("bob")
    story.connect("bob", 5, asked=3)
    story.receive("bob", 5, "five")
    only(check_live(story.history()), "bob got 5 after 3", "without 4")


def test_without_a_position_a_connection_begins_where_the_server_says() -> None:
    story = Story()
    story.connect("bob", 7)
    story.receive("bob", 9, "nine")
    only(check_live(story.history()), "bob got 9 after 7")


def test_a_client_that_forgets_where_it_was_is_found_out() -> None:
    story = good()
    story.close("bob")
    story.connect("bob", 5, asked=2)
    only(check_live(story.history()), "bob had 3", "went on from 2")


def test_who_is_connected_and_lacks_the_end_has_a_gap() -> None:
    story = good()
    story.invoke("four")
    story.receive("alice", 4, "four")
    story.store("four")
    only(check_live(story.end()), "bob is connected and has 3", "which has 4")


def test_who_is_not_connected_in_the_end_is_found_out() -> None:
    story = good()
    story.close("bob")
    only(check_live(story.end()), "bob is not connected")


def test_a_reset_without_another_life_is_wrong() -> None:
    story = good()
    story.presence("bob", "reset", 1)
    verdict = check_live(story.history())
    only(verdict, "bob was moved from 3 to 1")


def test_who_is_removed_and_added_again_begins_anew() -> None:
    story = good()
    story.presence("bob", "removed")
    story.presence("bob", "created", 8)
    story.receive("bob", 9, "nine")
    story.receive("bob", 10, "ten")
    assert check_live(story.history()).passed
    story.receive("bob", 12, "twelve")
    only(check_live(story.history()), "without 11")


def test_who_is_added_gets_everything_from_where_he_joined() -> None:
    story = good()
    story.presence("eve", "created", 8)
    story.receive("eve", 10, "ten")
    only(check_live(story.history()), "eve got 10 after 8", "without 9")


def test_who_is_added_and_loses_his_connection_goes_on_from_where_he_joined() -> None:
    story = good()
    story.presence("bob", "removed")
    story.presence("bob", "created", 8)
    story.close("bob")
    story.connect("bob", 9, asked=8)
    assert check_live(story.history()).passed
    story.close("bob")
    story.connect("bob", 9)
    only(check_live(story.history()), "bob had 8", "went on from None")


def test_what_one_had_of_a_room_before_one_was_added_does_not_come_again() -> None:
    story = good()
    story.presence("bob", "created", 1)
    story.receive("bob", 2, "two")
    only(check_live(story.history()), "bob got 2 after 3", "again")


def test_pages_that_were_asked_for_are_no_live_messages() -> None:
    story = good()
    story.receive("bob", 1, "one", history=True)
    assert check_live(story.history()).passed


# --- backwards --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["live", "acknowledged", "read"])
def test_a_page_that_knows_less_than_its_reader_had_seen_goes_backwards(seen: str) -> None:
    story = Story()
    story.store("one", "two")
    if seen == "live":
        story.receive("alice", 2, "two")
    elif seen == "acknowledged":
        story.ok("two", 2)
    else:
        story.read("alice", story.stored)
    story.read("alice", story.stored[:1], 1)
    only(check_backwards(story.history()), "had seen 2", "1 messages up to 1")


def test_a_page_that_says_more_than_it_has_goes_backwards() -> None:
    story = Story()
    story.store("one", "two")
    story.ok("two", 2)
    story.read("alice", story.stored[:1], 2)
    only(check_backwards(story.history()), "2 messages up to 1")


def test_what_is_seen_while_a_page_is_read_need_not_be_on_it() -> None:
    story = Story()
    story.store("one")
    story.events.append(Read(story.now(), "invoke", "alice", "alice", ROOM))
    story.receive("alice", 2, "two")
    story.events.append(Read(story.now(), "ok", "alice", "alice", ROOM, 1, story.stored))
    assert check_backwards(story.history()).passed


# --- leak -------------------------------------------------------------------------------------------------------------


def test_a_delivery_to_who_was_never_in_the_room_is_a_leak() -> None:
    story = good()
    story.receive("eve", 1, "one")
    only(check_leaks(story.end()), "eve got one")


@pytest.mark.parametrize("final", [False, True])
def test_a_page_for_who_was_never_in_the_room_is_a_leak(final: bool) -> None:
    story = good()
    story.read("eve", story.stored, final=final)
    only(check_leaks(story.history()), "eve read 3 messages")


def test_what_is_sent_after_a_removal_was_acknowledged_is_a_leak() -> None:
    story = good()
    story.member("invoke", "bob", added=False)
    story.invoke("four")
    story.member("ok", "bob", added=False)
    story.receive("bob", 4, "four")
    assert check_leaks(story.history()).passed  # it may have been on its way
    story.invoke("five")
    story.receive("bob", 5, "five")
    only(check_leaks(story.history()), "bob got five")


def test_a_page_that_is_asked_for_after_a_removal_is_a_leak() -> None:
    story = good()
    story.member("invoke", "bob", added=False)
    story.member("ok", "bob", added=False)
    story.read("bob", story.stored)
    only(check_leaks(story.history()), "bob read 3 messages")


def test_who_is_added_again_sees_everything() -> None:
    story = good()
    story.member("invoke", "eve", added=True)
    story.receive("eve", 1, "one")
    story.member("ok", "eve", added=True)
    story.member("invoke", "bob", added=False)
    story.member("ok", "bob", added=False)
    story.invoke("four")
    story.member("invoke", "bob", added=True)
    story.receive("bob", 4, "four")
    story.read("bob", story.stored)
    assert check_leaks(story.history()).passed


def test_an_addition_that_was_not_answered_may_be_carried_out_until_all_is_mended() -> None:
    story = good()
    story.member("invoke", "eve", added=True)
    story.member("info", "eve", added=True)
    story.member("ok", "eve", added=True)
    for _ in range(2):
        story.member("invoke", "eve", added=False)
        story.member("ok", "eve", added=False)
        story.invoke("four")
        story.receive("eve", 4, "four")
        assert check_leaks(story.history()).passed
        story.mark("healed")
        story.receive("eve", 5, "five")
    story.skip(2.0)
    story.member("invoke", "eve", added=False)
    story.member("ok", "eve", added=False)
    story.invoke("six")
    story.receive("eve", 6, "six")
    only(check_leaks(story.history()), "eve got six")


# --- late -------------------------------------------------------------------------------------------------------------


def test_who_has_not_everything_in_time_is_late() -> None:
    story = good()
    story.invoke("four")
    story.ok("four", 4)
    story.receive("alice", 4, "four")
    story.mark("healed")
    story.receive("bob", 4, "four")
    assert check_late(story.history()).passed
    story.ok("five", 5)
    story.receive("alice", 5, "five")
    story.mark("healed")
    only(check_late(story.history()), "bob", "inf")


# --- stuck, internal --------------------------------------------------------------------------------------------------


def test_a_send_without_an_answer_is_stuck() -> None:
    story = good()
    story.invoke("four")
    story.outcome("info", "four", "unavailable")
    only(check_stuck(story.end()), "four", "never answered")


def test_a_send_that_is_refused_is_not_stuck() -> None:
    story = good()
    story.invoke("four")
    story.outcome("fail", "four", "not_a_member")
    assert check_stuck(story.end()).passed


@pytest.mark.parametrize("code", [1002, 1009, 1011, 4400, 4429])
def test_a_close_that_is_our_mistake_is_found(code: int) -> None:
    story = good()
    story.close("bob", code)
    only(check_internal(story.history()), "bob", str(code))


@pytest.mark.parametrize("code", [None, 1001, 1012, 1013, 4408])
def test_a_close_because_something_is_away_is_none(code: int | None) -> None:
    story = good()
    story.close("bob", code)
    assert check_internal(story.history()).passed


@pytest.mark.parametrize("code", ["500", "404", "401"])
def test_an_answer_that_is_our_mistake_is_found(code: str) -> None:
    story = good()
    story.events.append(Read(story.now(), "info", "bob", "bob", ROOM, code=code))
    only(check_internal(story.history()), "bob could not read", code)
    story = good()
    story.invoke("four", via="http")
    story.outcome("info", "four", code, via="http")
    only(check_internal(story.history()), "could not send four", code)
    story = good()
    story.events.append(Connect(story.now(), "fail", "bob", "bob", code=500, reason="500 internal"))
    only(check_internal(story.history()), "bob was refused with 500")


@pytest.mark.parametrize("code", ["token_invalid", "token_revoked", "unauthorized"])
def test_a_good_token_that_is_refused_is_found(code: str) -> None:
    story = good()
    story.events.append(Connect(story.now(), "fail", "bob", "bob", code=401, reason="401 token_expired"))
    assert check_internal(story.history()).passed
    story.events.append(Connect(story.now(), "fail", "bob", "bob", code=401, reason=f"401 {code}"))
    only(check_internal(story.history()), "bob was refused with 401", code)


# --- record -----------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_and_is_not_recorded_is_found() -> None:
    story = good()
    story.recorded(1, "one")
    story.recorded(2, "two")
    only(check_record(story.end()), "three", "acknowledged and is not recorded")


def test_what_is_recorded_again_is_no_mistake() -> None:
    story = good().record_all()
    story.recorded(1, "one")
    story.recorded(3, "three")
    assert check_record(story.end()).passed


def test_what_is_recorded_out_of_order_is_found_while_the_broker_has_kept_everything() -> None:
    story = good()
    story.recorded(2, "two")
    story.recorded(1, "one")
    story.recorded(3, "three")
    assert check_record(story.end()).count == 2
    story = good()
    story.fault("kill", "kafka", 1)
    story.recorded(2, "two")
    story.recorded(1, "one")
    story.recorded(3, "three")
    assert check_record(story.end()).passed


def test_what_is_recorded_otherwise_than_stored_is_found() -> None:
    story = good().record_all()
    story.recorded(4, "four")
    only(check_record(story.end()), "four is recorded as 4 of room r, where None is")


def test_who_registered_and_is_not_found_is_found_out() -> None:
    story = good().record_all()
    story.arrival("invoke", "newcomer")
    only(check_record(story.end()), "newcomer registered", "has no profile")
    story = good().record_all()
    story.arrival("invoke", "newcomer")
    story.arrival("ok", "newcomer")
    assert check_record(story.end()).passed


# --- rolling ----------------------------------------------------------------------------------------------------------


def rolling(*others: str) -> Story:
    """A rolling restart has begun, with other faults or without."""
    story = good()
    story.fault("kill", "chat-1", 1)
    story.close("bob")
    story.mark("healed")
    for number, kind in enumerate((*others, "rolling"), 2):
        story.fault(kind, "chat", number)
    return story


def test_a_rolling_restart_moves_everybody_and_fails_nobody() -> None:
    story = rolling()
    story.close("bob", 1012)
    story.connect("bob", 3, asked=3)
    story.invoke("four", "bob", via="http")
    story.ok("four", 4, "bob", via="http")
    story.mark("healed")
    story.close("bob")
    assert check_rolling(story.history()) == Verdict("rolling", 3, optional=True)


@pytest.mark.parametrize("code", [None, 1006, 1011, 1013, 4408])
def test_any_other_close_during_a_rolling_restart_is_found(code: int | None) -> None:
    story = rolling()
    story.close("bob", code)
    story.mark("healed")
    only(check_rolling(story.history()), "bob was closed with", str(code))


def test_an_error_during_a_rolling_restart_is_found() -> None:
    story = rolling()
    story.invoke("four", via="http")
    story.outcome("info", "four", "503", via="http")
    story.events.append(Read(story.now(), "info", "bob", "bob", ROOM, code="no_answer"))
    story.events.append(Connect(story.now(), "fail", "bob", "bob", code=503, reason="503 draining"))
    story.events.append(Connect(story.now(), "ok", "bob", "bob", "c", rooms={ROOM: 3}, seconds=10.5))
    story.mark("healed")
    assert check_rolling(story.history()).examples == [
        "alice could not send four at 2.800 s: 503",
        "bob could not read room r at 2.900 s: no_answer",
        "bob could not connect at 3.000 s: 503 '503 draining'",
        "bob was back after 10.5 s at 3.100 s",
    ]


def test_what_another_fault_explains_is_not_held_against_a_rolling_restart() -> None:
    for story in (rolling("kill"), rolling("storm", "stop")):
        story.close("bob")
        story.mark("healed")
        assert check_rolling(story.history()).looked_at == 0

"""What is said can be told from what arrives damaged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.messages import MOST_CHARACTERS, content_of, key_of


@given(st.integers())
def test_a_message_says_its_key_and_can_be_sent(seed: int) -> None:
    content = content_of("u1-17", random.Random(seed))
    assert key_of(content) == "u1-17"
    assert len(content) <= MOST_CHARACTERS
    assert "\0" not in content


@pytest.mark.parametrize("content", ["", "u1-17", "hello there", "u1-17 00000000 damaged.", "u1-17 00000000 "])
def test_what_is_no_message_of_ours_has_a_key_that_nobody_has_sent(content: str) -> None:
    assert key_of(content).startswith("corrupt: ")


@given(st.integers(), st.data())
def test_a_message_that_is_cut_or_changed_is_noticed(seed: int, data: st.DataObject) -> None:
    content = content_of("u1-17", random.Random(seed))
    cut = data.draw(st.integers(min_value=0, max_value=len(content) - 1))
    assert key_of(content[:cut]) != "u1-17"
    place = data.draw(st.integers(min_value=len("u1-17 00000000 "), max_value=len(content) - 1))
    assert key_of(content[:place] + "#" + content[place + 1 :]) != "u1-17"

"""The names in Redis: prefixed, and never two things under one."""

import inspect
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from contracts import keys

ONE, OTHER = UUID(int=1), UUID(int=2)
FUNCTIONS: dict[str, Callable[..., str]] = {
    name: function
    for name, function in vars(keys).items()
    if inspect.isfunction(function) and function.__module__ == keys.__name__
}
CONSTANTS = {name: value for name, value in vars(keys).items() if name.isupper()}


def arguments(function: Callable[..., str], number: int) -> list[Any]:
    """Arguments for a function, of the types it asks for."""
    kinds = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
    return [UUID(int=number) if kind is UUID else f"value-{number}" for kind in kinds]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_name_is_prefixed_and_depends_on_what_it_is_of(name: str) -> None:
    function = FUNCTIONS[name]
    one, other = function(*arguments(function, 1)), function(*arguments(function, 2))
    assert one.startswith("parley:")
    assert one != other
    assert one == function(*arguments(function, 1))
    assert " " not in one


def test_no_two_kinds_share_a_name() -> None:
    names = [function(*arguments(function, 1)) for function in FUNCTIONS.values()]
    names += [value for name, value in CONSTANTS.items() if not name.endswith("_PREFIX")]
    assert len(set(names)) == len(names)


def test_no_kind_is_a_part_of_another() -> None:
    """A scan for one prefix must not find what is of another kind."""
    prefixes = {function(*arguments(function, 1)).rsplit(":", 1)[0] + ":" for function in FUNCTIONS.values()}
    assert [(one, other) for one in prefixes for other in prefixes if one != other and other.startswith(one)] == []


def test_a_channel_tells_its_room_and_user() -> None:
    assert keys.room_channel(ONE).removeprefix(keys.ROOM_PREFIX) == str(ONE)
    assert keys.user_channel(OTHER).removeprefix(keys.USER_PREFIX) == str(OTHER)

"""People come in circles, and are kept in a file."""

import base64
import json
import time
from pathlib import Path

import pytest

from loadtests.load.world import CIRCLE, Circle, Person, Room, World, circles_for, keep, part, read, shapes_of_rooms


def token(expires_at: float) -> str:
    return "x." + base64.urlsafe_b64encode(json.dumps({"exp": expires_at}).encode()).rstrip(b"=").decode() + ".y"


def person(access_token: str = "") -> Person:
    return Person(id="1", username="anna", password="secret", access_token=access_token)


def test_a_token_is_fresh_as_long_as_it_lasts() -> None:
    assert person(token(time.time() + 100)).fresh(50)
    assert not person(token(time.time() + 100)).fresh(200)


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "a.e30.c"])
def test_what_is_no_token_is_never_fresh(text: str) -> None:
    assert not person(text).fresh(0)


@pytest.mark.parametrize(("users", "parts", "circles"), [(1, 1, 1), (10, 1, 1), (11, 1, 2), (11, 2, 2), (40, 3, 6)])
def test_there_are_people_enough_for_each_process(users: int, parts: int, circles: int) -> None:
    assert circles_for(users, parts) == circles


def test_each_process_has_circles_of_its_own() -> None:
    circles = [Circle([]) for _ in range(5)]
    parts = [part(circles, index, 2) for index in range(2)]
    assert sorted(id(circle) for some in parts for circle in some) == sorted(id(circle) for circle in circles)


def test_everybody_is_in_a_group_and_talks_to_both_neighbours() -> None:
    rooms = [Room(str(number), members) for number, members in enumerate(shapes_of_rooms())]
    circle = Circle([person() for _ in range(CIRCLE)], rooms)
    for place in range(CIRCLE):
        mine = circle.rooms_of(place)
        assert mine[0] == "0"
        assert sum(len(rooms[int(room)].members) == 2 for room in mine) == 2


def test_what_was_kept_is_read_and_nobody_else_may(tmp_path: Path) -> None:
    path = tmp_path / "people" / "people.json"
    keep(path, World([Circle([person()], [Room("r", (0,))])]))
    assert read(path).circles[0].people[0].username == "anna"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", '{"circles": 1}'])
def test_a_file_of_no_use_is_an_empty_world(text: str, tmp_path: Path) -> None:
    (tmp_path / "people.json").write_text(text)
    assert read(tmp_path / "people.json").circles == []
    assert read(tmp_path / "none.json").circles == []

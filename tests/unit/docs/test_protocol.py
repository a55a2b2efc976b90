"""docs/protocol.md has every route, frame and code of the code, and no other."""

import re
from collections.abc import Iterator

from tests.unit.docs import code
from tests.unit.docs.documents import codes, rows, section
from tests.unit.docs.tables import written_anew

TEXT = (code.ROOT / "docs" / "protocol.md").read_text()


def unnamed(path: str) -> str:
    """A path whose names make no difference."""
    return re.sub(r"\{\w+\}", "{}", path).rstrip("/")


def documented_routes() -> Iterator[tuple[str, str]]:
    """Method and path of every call in the tables."""
    for heading in ("## Descriptions", "## Accounts", "## Profiles", "## Rooms and messages"):
        for row in rows(section(TEXT, heading)):
            for call in codes(row[0]):
                method, _, path = call.partition(" ")
                yield method, unnamed(path)


def test_every_public_route_is_in_a_table_and_no_other() -> None:
    routes = [row for row in code.routes() if row.access != "internal"]
    http = {(row.method, unnamed(row.path)) for row in routes if row.method != "WEBSOCKET"}
    assert set(documented_routes()) == http
    for row in routes:
        if row.method == "WEBSOCKET":
            assert f"`GET {row.path}`" in section(TEXT, "### Connecting")


def test_calls_that_need_a_token_say_so() -> None:
    bearer = {(row.method, unnamed(row.path)) for row in code.routes() if row.access == "bearer"}
    for row in rows(section(TEXT, "## Accounts")):
        for call in codes(row[0]):
            method, _, path = call.partition(" ")
            assert row[1].startswith("token") == ((method, unnamed(path)) in bearer), call
    for heading in ("## Profiles", "## Rooms and messages"):
        assert "All need a token." in section(TEXT, heading)


def types_in(heading: str) -> set[str]:
    """The frames of a table."""
    return {name for row in rows(section(TEXT, heading)) for name in codes(row[0])}


def test_every_frame_is_in_its_table_and_no_other() -> None:
    assert types_in("### What a client sends") == code.commands()
    assert types_in("### What the server sends") == code.events()


def test_every_error_code_is_in_its_table() -> None:
    documented = {name for row in rows(section(TEXT, "## Errors")) for name in codes(row[1])}
    assert code.problem_codes() - documented == set()
    assert {name for name in documented if f'"{name}"' not in code.everything()} == set()


def test_every_status_of_a_problem_is_in_the_table() -> None:
    documented = {int(status) for row in rows(section(TEXT, "## Errors")) for status in row[0].split()}
    assert documented == code.problem_statuses()


def test_the_tables_of_codes_are_those_of_the_code() -> None:
    assert re.findall(r"<!-- codes: (\w+) -->", TEXT) == ["problems", "frames", "closes"]
    assert written_anew(TEXT) == TEXT, "run `python -m tests.unit.docs.tables`"


def test_every_event_of_socket_io_is_in_its_table_and_no_other() -> None:
    assert types_in("### What a client emits") == set(code.socket_io_requests())
    assert types_in("### What a client hears") == code.socket_io_events()

"""Sessions against a model of them: whatever people and thieves do, in whatever order, the service does what it says.

The model knows of each session whether it lives, why it ended, and its chain of refresh tokens. Time is moved by moving
what the database remembers of it. `--examples N` runs longer.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from auth_service import keys
from tests.integration.auth.conftest import PASSWORD, Auth, StartAuth

FEW, STEPS = 12, 60
GRACE_SECONDS = 3600  # many times what the longest example takes; test_refresh has the thirty seconds of the default
Result = TypeVar("Result")
anyone = st.integers(min_value=0, max_value=9_999)  # which of those that there are: of a shorter list by its remainder


class Engine:
    """The running service, for a machine that does not await."""

    def __init__(self, loop: asyncio.AbstractEventLoop, auth: Auth, redis_url: str, keys_file: Path) -> None:
        self._loop = loop
        self.auth = auth
        self.redis_url = redis_url
        self.keys_file = keys_file

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What it gives."""
        return self._loop.run_until_complete(coroutine)

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> httpx.Response:
        """A request."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.run(self.auth.api.request(method, path, json=body, headers=headers))


class Session:
    """What we know of one."""

    def __init__(self, grant: dict[str, Any]) -> None:
        self.ended: str | None = None
        self.access = [str(grant["access_token"])]
        self.refresh = [str(grant["refresh_token"])]  # each is the successor of the one before; the last is unused
        self.used_at: list[float] = []  # of all but the last
        self.id = json.loads(base64.urlsafe_b64decode(self.access[0].split(".")[1] + "=="))["sid"]

    def outcome(self, index: int, now: float) -> str:
        """What its refresh token of that index is good for."""
        if self.ended is not None:
            return "refresh_reused" if self.ended == "theft" else "refresh_invalid"
        if index == len(self.refresh) - 1:
            return "rotated"
        is_newest = index == len(self.refresh) - 2
        return "repeated" if is_newest and now - self.used_at[index] < GRACE_SECONDS else "refresh_reused"


class Sessions(RuleBasedStateMachine):
    """One user, his devices, and who has stolen some of what they keep."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self.password = PASSWORD
        self.now = 0.0

    @property
    def alive(self) -> list[Session]:
        return [session for session in self.sessions if session.ended is None]

    def end(self, sessions: list[Session], reason: str) -> None:
        for session in sessions:
            session.ended = session.ended or reason

    @initialize()
    def register(self) -> None:
        self.username = f"machine-{uuid.uuid4().hex[:12]}"
        reply = self.engine.ask("POST", "/auth/register", {"username": self.username, "password": PASSWORD})
        assert reply.status_code == 201, reply.text
        self.sessions.append(Session(reply.json()))
        self.log_in()

    @rule()
    def log_in(self) -> None:
        reply = self.engine.ask("POST", "/auth/login", {"username": self.username, "password": self.password})
        assert reply.status_code == 200, reply.text
        self.sessions.append(Session(reply.json()))

    @rule()
    def log_in_with_a_wrong_password(self) -> None:
        reply = self.engine.ask("POST", "/auth/login", {"username": self.username, "password": self.password + "?"})
        assert (reply.status_code, reply.json()["code"]) == (401, "invalid_credentials")

    def refresh_with(self, session: Session, index: int) -> None:
        expected = session.outcome(index, self.now)
        reply = self.engine.ask("POST", "/auth/refresh", {"refresh_token": session.refresh[index]})
        if expected in ("rotated", "repeated"):
            assert reply.status_code == 200, f"{expected}: {reply.text}"
            session.access.append(reply.json()["access_token"])
            if expected == "rotated":
                assert reply.json()["refresh_token"] not in session.refresh
                session.refresh.append(reply.json()["refresh_token"])
                session.used_at.append(self.now)
            assert reply.json()["refresh_token"] == session.refresh[-1]
        else:
            assert (reply.status_code, reply.json()["code"]) == (401, expected)
            if expected == "refresh_reused":
                self.end([session], "theft")

    @precondition(lambda self: self.alive)
    @rule(which=anyone, back=st.sampled_from([0, 0, 0, 1, 1, 2]))
    def refresh(self, which: int, back: int) -> None:
        """With the latest token; with the one before, because the reply was lost; or with an older one."""
        session = self.alive[which % len(self.alive)]
        self.refresh_with(session, max(0, len(session.refresh) - 1 - back))

    @precondition(lambda self: len(self.alive) < len(self.sessions))
    @rule(which=anyone, token=anyone)
    def refresh_what_has_ended(self, which: int, token: int) -> None:
        over = [session for session in self.sessions if session.ended is not None]
        session = over[which % len(over)]
        self.refresh_with(session, token % len(session.refresh))

    @rule(seconds=st.sampled_from([GRACE_SECONDS // 3, GRACE_SECONDS + 1]))
    def wait(self, seconds: int) -> None:
        move = """UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $2)
                   WHERE session_id = ANY($1::uuid[])"""
        self.engine.run(self.engine.auth.sql(move, [session.id for session in self.sessions], float(seconds)))
        self.now += seconds

    @precondition(lambda self: self.alive)
    @rule(which=anyone, other=anyone, how=st.sampled_from(["log out", "everywhere", "another", "password", "guess"]))
    def end_some(self, which: int, other: int, how: str) -> None:
        session, target = self.alive[which % len(self.alive)], self.sessions[other % len(self.sessions)]
        token, new = session.access[-1], f"a new one {uuid.uuid4().hex}"
        if how == "log out":
            assert self.engine.ask("POST", "/auth/logout", token=token).status_code == 204
            self.end([session], how)
        elif how == "everywhere":
            assert self.engine.ask("POST", "/auth/logout", {"all": True}, token).status_code == 204
            self.end(self.sessions, how)
        elif how == "another":
            reply = self.engine.ask("DELETE", f"/auth/sessions/{target.id}", token=token)
            assert reply.status_code == (204 if target.ended is None else 404)
            self.end([target], how)
        elif how == "password":
            body = {"current_password": self.password, "new_password": new}
            assert self.engine.ask("POST", "/auth/password", body, token).status_code == 204
            self.password = new
            self.end([one for one in self.sessions if one is not session], how)
        else:
            body = {"current_password": "a guess of it", "new_password": new}
            assert self.engine.ask("POST", "/auth/password", body, token).status_code == 403

    @rule(how=st.sampled_from(["keys", "redis"]))
    def turn_over(self, how: str) -> None:
        """New keys sign from now on, or Redis knows of no end any more."""
        if how == "keys":
            keys.rotate(self.engine.keys_file)
        else:
            with redis.Redis.from_url(self.engine.redis_url) as client:
                client.flushall()

    @invariant()
    def every_access_token_is_as_good_as_its_session(self) -> None:
        for session in self.sessions[-2:]:
            reply = self.engine.ask("GET", "/auth/me", token=session.access[len(session.access) // 2])
            if session.ended is None:
                assert reply.status_code == 200, reply.text
            else:
                assert (reply.status_code, reply.json()["code"]) == (401, "token_revoked")

    @invariant()
    def the_sessions_that_are_told_are_those_that_live(self) -> None:
        for session in self.alive[:1]:
            told = self.engine.ask("GET", "/auth/sessions", token=session.access[-1]).json()["sessions"]
            assert {one["id"] for one in told} == {one.id for one in self.alive}
            assert [one["id"] for one in told if one["current"]] == [session.id]


@pytest.fixture
def machine(start_auth: StartAuth, redis_url: str, tmp_path: Path) -> Iterator[type[Sessions]]:
    """The machine, over a service with keys of its own, which looks at them whenever it needs them."""
    keys_file = tmp_path / "keys.json"
    keys.create(keys_file)
    with asyncio.Runner() as runner:
        starting = start_auth(signing_keys_file=str(keys_file), rate_limits="off", refresh_grace_seconds=GRACE_SECONDS)
        auth = runner.run(starting.__aenter__())
        yield type("Machine", (Sessions,), {"engine": Engine(runner.get_loop(), auth, redis_url, keys_file)})
        runner.run(starting.__aexit__(None, None, None))


@pytest.mark.timeout(300)
def test_whatever_happens_sessions_do_what_they_should(
    machine: type[Sessions], effort: Callable[..., settings]
) -> None:
    run_state_machine_as_test(machine, settings=effort(FEW, stateful_step_count=STEPS))

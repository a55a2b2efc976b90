"""What identity costs: logins per CPU second and argon2's share of them, the gateway's part of a request, and a search
among a million profiles.

    python -m loadtests.bench.identity [--seconds 5] [--profiles 1000000]

It runs the platform as `make run` does, without rate limits, and measures CPU as the user and system time of a process.
"""

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
from argon2.low_level import Type, hash_secret

from devstack.background import Background
from profile_service.store.profiles import search_profiles

from .machine import cpu_seconds
from .platform import measure_platform

PASSWORD = "correct horse battery staple"
CLIENTS = 4  # at once, twice as many as threads that hash
HASHES = 40
MEMORY_KIB, TIME_COST, PARALLELISM = 19_456, 2, 1  # auth's defaults
FILL = """
INSERT INTO user_profiles (id, username, display_name, username_key, display_key)
SELECT gen_random_uuid(), name, initcap(shown), name, shown
  FROM (SELECT substr(md5(n::text), 1, 6) || '.' || n AS name,
               substr(md5('a' || n), 1, 7) || ' ' || substr(md5('b' || n), 1, 9) AS shown
          FROM generate_series(1, $1) AS n) AS made
"""
NOBODY = UUID(int=0)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.identity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each row is measured (default 5)")
    parser.add_argument("--profiles", type=int, default=1_000_000, help="how many there are (default 1,000,000)")
    return parser.parse_args()


def cpu_of_hash() -> float:
    """CPU seconds of one argon2id hash with auth's defaults, measured alone in this thread."""
    began = time.thread_time()
    for number in range(HASHES):
        hash_secret(
            PASSWORD.encode(), b"salt%012d" % number, TIME_COST, MEMORY_KIB, PARALLELISM, hash_len=32, type=Type.ID
        )
    return (time.thread_time() - began) / HASHES


async def repeat(action: Callable[[], Awaitable[None]], clients: int, seconds: float) -> list[float]:
    """Do it again and again, by so many at once; how long each time took."""
    until = time.monotonic() + seconds
    took: list[float] = []

    async def one() -> None:
        while time.monotonic() < until:
            began = time.perf_counter()
            await action()
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(clients)))
    return took


def shown(took: list[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(took)
    return f"p50 {statistics.median(ordered) * 1000:.2f} ms, p99 {ordered[int(len(ordered) * 0.99)] * 1000:.2f} ms"


async def measure_logins(stack: Background, client: httpx.AsyncClient, username: str, seconds: float) -> None:
    """Logins at auth itself, and how much of their CPU argon2 takes."""
    body = {"username": username, "password": PASSWORD}
    url = f"{stack.urls['auth']}/auth/login"

    async def log_in() -> None:
        (await client.post(url, json=body)).raise_for_status()

    await repeat(log_in, CLIENTS, seconds / 5)
    pid = stack.pids["auth"]
    before = cpu_seconds(pid)
    took = await repeat(log_in, CLIENTS, seconds)
    cpu = (cpu_seconds(pid) - before) / len(took)
    one = cpu_of_hash()
    print(f"logins: {1 / cpu:.1f} per CPU second ({cpu * 1000:.1f} ms each), {CLIENTS} at once: {shown(took)}")
    print(
        f"argon2id ({MEMORY_KIB} KiB, t={TIME_COST}, p={PARALLELISM}): {one * 1000:.1f} ms, {one / cpu:.0%} of a login"
    )


async def measure_gateway(stack: Background, client: httpx.AsyncClient, token: str, seconds: float) -> None:
    """The same request at the service and through the gateway, one at a time."""
    headers = {"Authorization": f"Bearer {token}"}
    results = {}
    for name, base in (("directly", stack.urls["profile"]), ("through the gateway", stack.gateway_url)):

        async def ask(base: str = base) -> None:
            (await client.get(f"{base}/profiles/me", headers=headers)).raise_for_status()

        await repeat(ask, 1, seconds / 5)
        pids = {word: stack.pids[word] for word in ("gateway", "profile")}
        before = {word: cpu_seconds(pid) for word, pid in pids.items()}
        took = await repeat(ask, 1, seconds)
        cpu = {word: (cpu_seconds(pid) - before[word]) / len(took) * 1000 for word, pid in pids.items()}
        results[name] = statistics.median(took)
        spent = ", ".join(f"{word} {of:.2f} ms" for word, of in cpu.items())
        print(f"GET /profiles/me {name}: {shown(took)}; CPU {spent}")
    added = results["through the gateway"] - results["directly"]
    print(f"the gateway adds {added * 1000:.2f} ms at the median")


async def measure_search(
    stack: Background, client: httpx.AsyncClient, token: str, profiles: int, seconds: float
) -> None:
    """Searches of three characters by the service, before and after so many profiles are there; then the plan."""
    headers = {"Authorization": f"Bearer {token}"}
    connection = await asyncpg.connect(stack.database_url("profile"))
    chosen = random.Random(1)

    async def search() -> None:
        term = f"{chosen.randrange(16**3):03x}"
        params = {"search": term, "limit": "50"}
        (await client.get(f"{stack.urls['profile']}/profiles", params=params, headers=headers)).raise_for_status()

    there = 0
    for wanted in (1_000, profiles):
        began = time.monotonic()
        await connection.execute("SET statement_timeout = 0")
        await connection.fetch(FILL.replace("generate_series(1,", f"generate_series({there + 1},"), wanted, timeout=900)
        await connection.execute("VACUUM ANALYZE user_profiles", timeout=900)
        there = wanted
        filled = time.monotonic() - began
        await repeat(search, 1, seconds / 5)
        before = cpu_seconds(stack.pids["profile"])
        took = await repeat(search, 1, seconds)
        cpu = (cpu_seconds(stack.pids["profile"]) - before) / len(took)
        print(
            f"search among {wanted:,} profiles (filled in {filled:.0f} s): {shown(took)}; "
            f"CPU of the service {cpu * 1000:.2f} ms"
        )
    plan = Plan(connection)
    await search_profiles(cast("Any", plan), NOBODY, ("abc", NOBODY), "abd", 51)
    print("\n".join(plan.lines))
    await connection.close()


class Plan:
    """A connection that asks for the plan of what is fetched."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.lines: list[str] = []

    async def fetch(self, sql: str, *values: object) -> list[object]:
        """The plan goes into `lines`, and nothing is found."""
        rows = await self._connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {sql}", *values)
        self.lines += [row[0] for row in rows]
        return []


async def measure(stack: Background, wanted: argparse.Namespace) -> None:
    """All of it."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        username = f"bench-{os.getpid()}"
        reply = await client.post(
            f"{stack.gateway_url}/auth/register", json={"username": username, "password": PASSWORD}
        )
        token = reply.raise_for_status().json()["access_token"]
        await measure_logins(stack, client, username, wanted.seconds)
        await measure_gateway(stack, client, token, wanted.seconds)
        await measure_search(stack, client, token, wanted.profiles, wanted.seconds)


def main() -> int:
    """Measure and print."""
    wanted = arguments()
    return measure_platform("identity", lambda stack: measure(stack, wanted))


if __name__ == "__main__":
    raise SystemExit(main())

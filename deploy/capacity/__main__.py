"""`python -m deploy.capacity`: a table for 10⁵, 10⁶ and 10⁷ people, or a column for a load of one's own."""

import argparse
import sys
from collections.abc import Callable, Sequence

import msgspec

from .constants import costs
from .model import Load, Needs, needs

USERS = (100_000, 1_000_000, 10_000_000)
ROWS: dict[str, Callable[[Needs], str]] = {
    "messages per second": lambda n: f"{n.messages:,.0f}",
    "deliveries per second": lambda n: f"{n.deliveries:,.0f}",
    "chat: pods": lambda n: f"{n.chat_pods:,}",
    "chat: memory of a pod, MiB": lambda n: f"{n.chat_mib:,}",
    "chat: cores used": lambda n: f"{n.chat_cores:,.1f}",
    "gateway: pods": lambda n: f"{n.gateway_pods:,}",
    "gateway: memory of a pod, MiB": lambda n: f"{n.gateway_mib:,}",
    "gateway: cores used": lambda n: f"{n.gateway_cores:,.1f}",
    "PostgreSQL: cores used by commits": lambda n: f"{n.postgres_cores:,.1f}",
    "PostgreSQL: connections of chat": lambda n: f"{n.postgres_connections:,}",
    "PostgreSQL: WAL, MB per second": lambda n: f"{n.wal_mb:,.1f}",
    "PostgreSQL: messages stored, GB per day": lambda n: f"{n.stored_gb:,.1f}",
    "Redis: share of its one core": lambda n: f"{n.redis_cores:.1%}",
}


def table(loads: Sequence[Load]) -> str:
    """What loads need, as Markdown."""
    found = [needs(load, costs()) for load in loads]
    lines = [
        "| people connected | " + " | ".join(f"{load.users:,}" for load in loads) + " |",
        "| --- |" + " ---: |" * len(loads),
    ]
    lines += [f"| {name} | " + " | ".join(show(one) for one in found) + " |" for name, show in ROWS.items()]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.capacity", description="What so many people need.")
    parser.add_argument("--users", type=int, help="connected at the busiest time; three sizes without it")
    parser.add_argument("--messages-per-hour", type=float, default=Load(1).messages_per_hour, help="that each sends")
    parser.add_argument("--listeners", type=float, default=Load(1).listeners, help="others online in a message's room")
    parser.add_argument(
        "--pages-per-hour", type=float, default=Load(1).pages_per_hour, help="of history that each reads"
    )
    parser.add_argument("--sockets-per-pod", type=int, default=Load(1).sockets_per_pod)
    given = parser.parse_args(words)
    sizes = USERS if given.users is None else (given.users,)
    load = Load(1, given.messages_per_hour, given.listeners, given.pages_per_hour, given.sockets_per_pod)
    loads = [msgspec.structs.replace(load, users=users) for users in sizes]
    sys.stdout.write(table(loads))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""From the metrics of all processes to a few figures. Pure, but for `read`."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

READ_SECONDS = 2.0
Samples = Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]  # by name and labels, summed over processes


class Reading(msgspec.Struct, frozen=True):
    """What all processes counted at a moment."""

    at: float  # monotonic seconds
    samples: Samples

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name with these labels."""
        wanted = set(labels.items())
        return sum(value for have, value in self.samples.get(name, {}).items() if wanted <= set(have))


class Figure(msgspec.Struct, frozen=True):
    """A line on the page: its name, its unit, and what it is between two readings."""

    title: str
    unit: str
    value: Callable[[Reading, Reading], float]


def parsed(texts: Iterable[str]) -> Samples:
    """The samples of several processes, those that are called alike added."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                by_labels = found.setdefault(sample.name, {})
                labels = tuple(sorted(sample.labels.items()))
                by_labels[labels] = by_labels.get(labels, 0.0) + sample.value
    return found


async def read(client: httpx.AsyncClient, urls: Sequence[str], at: float) -> Reading:
    """Ask all processes; one that does not answer is left out."""

    async def ask(url: str) -> str:
        try:
            answer = await client.get(f"{url}/metrics", timeout=READ_SECONDS)
        except httpx.HTTPError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    return Reading(at, parsed(await asyncio.gather(*(ask(url) for url in urls))))


def per_second(name: str, **labels: str) -> Callable[[Reading, Reading], float]:
    """How fast a counter grows; a process that began anew counts as silent."""

    def value(before: Reading, now: Reading) -> float:
        return max(0.0, now.total(name, **labels) - before.total(name, **labels)) / (now.at - before.at)

    return value


def level(name: str) -> Callable[[Reading, Reading], float]:
    """A gauge as it is."""
    return lambda _, now: now.total(name)


def quantile(name: str, share: float) -> Callable[[Reading, Reading], float]:
    """A quantile of what a histogram in seconds has counted between two readings, in milliseconds."""

    def value(before: Reading, now: Reading) -> float:
        counts = {
            bound: max(0.0, now.total(f"{name}_bucket", le=bound) - before.total(f"{name}_bucket", le=bound))
            for bound in {dict(labels).get("le", "") for labels in now.samples.get(f"{name}_bucket", {})}
        }
        return 1000 * of_buckets({float(bound): count for bound, count in counts.items() if bound}, share)

    return value


def of_buckets(counts: Mapping[float, float], share: float) -> float:
    """A quantile from cumulative counts by upper bound, as Prometheus reckons it; 0 if nothing was counted."""
    bounds = sorted(counts)
    wanted = share * (counts[bounds[-1]] if bounds else 0.0)
    if wanted == 0:
        return 0.0
    low, below = 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= wanted:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (wanted - below) / ((counts[bound] - below) or 1.0)
        low, below = bound, counts[bound]
    return low


FIGURES = (
    Figure("open sockets", "", level("parley_chat_sessions")),
    Figure("messages stored", "/s", per_second("parley_ledger_sends_total", outcome="stored")),
    Figure("deliveries", "/s", per_second("parley_chat_deliveries_total")),
    Figure("commit, p99", "ms", quantile("parley_ledger_commit_seconds", 0.99)),
    Figure("requests, all services", "/s", per_second("parley_http_requests_total")),
    Figure("answer of a service, p99", "ms", quantile("parley_gateway_upstream_seconds", 0.99)),
    Figure("wait for Postgres, p99", "ms", quantile("parley_postgres_wait_seconds", 0.99)),
    Figure("event loops late, p99", "ms", quantile("parley_event_loop_lag_seconds", 0.99)),
    Figure("gaps repaired", "/s", per_second("parley_feed_repairs_total")),
    Figure("refused for their number", "/s", per_second("parley_rate_limited_total")),
    Figure("outbox behind", "s", level("parley_outbox_waiting_seconds")),
    Figure("pushes accepted", "/s", per_second("parley_push_attempts_total", result="sent")),
)

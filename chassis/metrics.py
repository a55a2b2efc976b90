"""Prometheus metrics that every process has; the services add their own beside their code.

Label values come from fixed sets (route rules, status classes), never from input, so that cardinality is bounded.
"""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

http_requests = Counter("parley_http_requests_total", "Requests answered", ["method", "route", "status"])
http_seconds = Histogram("parley_http_request_seconds", "Time to answer", ["route"], buckets=LATENCY_BUCKETS)
http_in_flight = Gauge("parley_http_requests_in_flight", "Requests being answered now")
ready = Gauge("parley_ready", "1 while this process answers /readyz with 200")
draining = Gauge("parley_draining", "1 from SIGTERM on")
loop_lag_seconds = Histogram(
    "parley_event_loop_lag_seconds",
    "How late the event loop runs a timer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
dependency_errors = Counter("parley_dependency_errors_total", "Calls to a dependency that failed", ["dependency"])
postgres_wait_seconds = Histogram(
    "parley_postgres_wait_seconds", "Time until there was a connection to Postgres", buckets=LATENCY_BUCKETS
)
postgres_busy = Gauge("parley_postgres_connections_busy", "Connections to Postgres in use or waited for")
degraded = Counter("parley_degraded_total", "Requests served without a dependency they normally use", ["mode"])


def render() -> bytes:
    """The exposition text of this process's registry."""
    return generate_latest(REGISTRY)

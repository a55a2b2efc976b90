"""The Grafana dashboard of the chart; `python -m deploy.dashboard` writes `files/dashboard.json` anew."""

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from .schema import CHART

FILE = CHART / "files" / "dashboard.json"
WIDTH, HEIGHT, COLUMNS = 8, 8, 24
WHERE = 'namespace="$namespace"'


class Panel(msgspec.Struct, frozen=True):
    """A graph: expressions by what their lines are called."""

    title: str
    lines: dict[str, str]
    unit: str = "short"


def rate(metric: str, by: str, more: str = "") -> str:
    """So many per second."""
    return f"sum by ({by}) (rate({metric}{{{WHERE}{more}}}[$__rate_interval]))"


def quantile(metric: str, share: float, by: str) -> str:
    """A quantile of a histogram."""
    group = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({group}) (rate({metric}_bucket{{{WHERE}}}[$__rate_interval])))"


ROWS: dict[str, list[Panel]] = {
    "People": [
        Panel("Open sockets", {"{{pod}}": f"parley_chat_sessions{{{WHERE}}}"}),
        Panel("Messages", {"{{outcome}}": rate("parley_ledger_sends_total", "outcome")}, "ops"),
        Panel("Deliveries", {"{{pod}}": rate("parley_chat_deliveries_total", "pod")}, "ops"),
        Panel("Time to answer, p99", {"{{job}}": quantile("parley_http_request_seconds", 0.99, "job")}, "s"),
        Panel(
            "Frames that slow readers were spared", {"{{pod}}": rate("parley_chat_frames_spared_total", "pod")}, "ops"
        ),
        Panel(
            "Turned away",
            {
                "rate: {{rate}}": rate("parley_rate_limited_total", "rate"),
                "socket: {{reason}}": rate("parley_chat_sockets_refused_total", "reason"),
                "closed: {{code}}": rate("parley_chat_closes_total", "code"),
                "login": rate("parley_auth_hashes_shed_total", "job"),
            },
            "ops",
        ),
    ],
    "The path of a message": [
        Panel(
            "A commit",
            {f"p{share * 100:g}": quantile("parley_ledger_commit_seconds", share, "") for share in (0.5, 0.99)},
            "s",
        ),
        Panel("Messages in a commit, p50", {"{{pod}}": quantile("parley_ledger_batch_messages", 0.5, "pod")}),
        Panel(
            "Bells",
            {
                "rung": rate("parley_broker_published_total", "job"),
                "{{action}}": rate("parley_feed_bells_total", "action"),
                "dropped": rate("parley_broker_dropped_total", "job"),
            },
            "ops",
        ),
        Panel("From ringing to hearing, p99", {"{{pod}}": quantile("parley_broker_lag_seconds", 0.99, "pod")}, "s"),
        Panel("Gaps read from Postgres", {"{{reason}}": rate("parley_feed_repairs_total", "reason")}, "ops"),
        Panel("Rooms that are heard", {"{{pod}}": f"parley_chat_rooms_live{{{WHERE}}}"}),
    ],
    "The gateway": [
        Panel("Requests", {"{{status}}": rate("parley_http_requests_total", "status", ', job="gateway"')}, "ops"),
        Panel(
            "A service answers, p99", {"{{service}}": quantile("parley_gateway_upstream_seconds", 0.99, "service")}, "s"
        ),
        Panel(
            "Limits",
            {
                "{{rate}} let pass": rate("parley_rate_allowed_total", "rate"),
                "{{rate}} refused": rate("parley_rate_limited_total", "rate"),
            },
            "ops",
        ),
        Panel("Pods that gateways know", {"{{service}}": f"min by (service) (parley_gateway_pods{{{WHERE}}})"}),
        Panel("Services fail", {"{{service}} {{kind}}": rate("parley_gateway_upstream_errors_total", "service, kind")}),
    ],
    "Engines": [
        Panel("Errors", {"{{job}} {{dependency}}": rate("parley_dependency_errors_total", "job, dependency")}, "ops"),
        Panel("Served without an engine", {"{{mode}}": rate("parley_degraded_total", "mode")}, "ops"),
        Panel("Wait for Postgres, p99", {"{{job}}": quantile("parley_postgres_wait_seconds", 0.99, "job")}, "s"),
        Panel("Connections to Postgres", {"{{pod}}": f"parley_postgres_connections_busy{{{WHERE}}}"}),
        Panel("Subscribed at Redis", {"{{pod}}": f"parley_broker_up{{{WHERE}}}"}),
        Panel("Oldest event not sent", {"{{job}}": f"max by (job) (parley_outbox_waiting_seconds{{{WHERE}}})"}, "s"),
        Panel("Events sent", {"{{job}}": rate("parley_outbox_sent_total", "job")}, "ops"),
        Panel("Events handled", {"{{job}} {{topic}}": rate("parley_events_consumed_total", "job, topic")}, "ops"),
    ],
    "Notifications": [
        Panel("Attempts", {"{{result}}": rate("parley_push_attempts_total", "result")}, "ops"),
        Panel("From a message to its push, p99", {"p99": quantile("parley_push_delay_seconds", 0.99, "")}, "s"),
        Panel("Oldest push that waits", {"oldest": f"max(parley_push_waiting_seconds{{{WHERE}}})"}, "s"),
    ],
    "Processes": [
        Panel("CPU", {"{{pod}}": rate("process_cpu_seconds_total", "pod", ', job=~"$job"')}),
        Panel("Memory", {"{{pod}}": f'process_resident_memory_bytes{{{WHERE}, job=~"$job"}}'}, "bytes"),
        Panel("Timers late, p99", {"{{pod}}": quantile("parley_event_loop_lag_seconds", 0.99, "pod")}, "s"),
        Panel("Ready", {"{{pod}}": f"parley_ready{{{WHERE}}}", "{{pod}} drains": f"parley_draining{{{WHERE}}}"}),
    ],
}


def dashboard() -> dict[str, Any]:
    """The model that Grafana imports."""
    return {
        "uid": "parley",
        "title": "Parley",
        "tags": ["parley"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                _variable("namespace", "label_values(parley_ready, namespace)", many=False),
                _variable("job", 'label_values(parley_ready{namespace="$namespace"}, job)', many=True),
            ]
        },
        "panels": list(_panels()),
    }


def _variable(name: str, query: str, *, many: bool) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "$datasource"}
    kind = {"multi": many, "includeAll": many, "refresh": 2}
    return {"name": name, "type": "query", "datasource": source, "query": query, **kind}


def _panels() -> Iterator[dict[str, Any]]:
    identifiers = itertools.count(1)
    y = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {
            "id": next(identifiers),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        y += 1
        for index, panel in enumerate(panels):
            x, down = index * WIDTH % COLUMNS, index * WIDTH // COLUMNS * HEIGHT
            yield _graph(next(identifiers), panel, {"x": x, "y": y + down, "w": WIDTH, "h": HEIGHT})
        y += -(-len(panels) * WIDTH // COLUMNS) * HEIGHT


def _graph(identifier: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "$datasource"}
    targets = [
        {"refId": chr(ord("A") + index), "datasource": source, "expr": expression, "legendFormat": name}
        for index, (name, expression) in enumerate(panel.lines.items())
    ]
    return {
        "id": identifier,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def written() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())
    sys.exit(0)

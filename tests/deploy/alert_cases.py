"""For every alert: time series, one value a minute, on which it fires, and on which it does not."""

from typing import NamedTuple

NS = 'namespace="parley"'


class Case(NamedTuple):
    """Series in promtool's notation; the alert is looked at after half an hour."""

    fires: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str]  # beside the severity
    description: str


def buckets(metric: str, labels: str, *, slow: bool) -> dict[str, str]:
    """A histogram of which a tenth is above its largest finite bucket, or all within its smallest."""
    names = f"{metric}_bucket{{{NS}{labels}, le="
    return {f'{names}"0.1"}}': "0+90x60" if slow else "0+100x60", f'{names}"+Inf"}}': "0+100x60"}


def wide(metric: str, labels: str, *, slow: bool) -> dict[str, str]:
    """The same with a large bucket for the tenth to be in: the quantile is between 1 and 11."""
    names = f"{metric}_bucket{{{NS}{labels}, le="
    first = "0+90x60" if slow else "0+100x60"
    return {f'{names}"1"}}': first, f'{names}"11"}}': "0+100x60", f'{names}"+Inf"}}': "0+100x60"}


def rate(series: str, per_second: float) -> dict[str, str]:
    """A counter."""
    return {series: f"0+{per_second * 60:g}x60"}


def always(series: str, value: float) -> dict[str, str]:
    """A gauge."""
    return {series: f"{value:g}x60"}


_REQUESTS = f'parley_http_requests_total{{{NS}, job="gateway", status='
_SHED, _DROPPED = (
    f'parley_auth_hashes_shed_total{{{NS}, job="auth"}}',
    f'parley_broker_dropped_total{{{NS}, job="chat"}}',
)
_REFUSED = f'parley_chat_sockets_refused_total{{{NS}, pod="chat-1", reason='
_CLOSED = f'parley_chat_closes_total{{{NS}, pod="chat-1", code='
_SENDS = f'parley_ledger_sends_total{{{NS}, pod="chat-1", outcome='
_READY, _DRAINING = f'parley_ready{{{NS}, pod="chat-1"}}', f'parley_draining{{{NS}, pod="chat-1"}}'
_PODS = f'parley_gateway_pods{{{NS}, pod="gateway-1", service="chat"}}'
_EJECTIONS = f'parley_gateway_ejections_total{{{NS}, pod="gateway-1", service="chat"}}'
_ERRORS = f'parley_dependency_errors_total{{{NS}, job="chat", dependency='
_UP = f"parley_broker_up{{{NS}, pod="
_DEAF = f'parley_broker_deaf_total{{{NS}, pod="chat-1"}}'
_WAITING = f"parley_outbox_waiting_seconds{{{NS}, "
_ACTIVE = f"parley_outbox_active{{{NS}, "
_PARKED = f'parley_outbox_parked_rows{{{NS}, job="chat", pod="chat-1"}}'
_SKIPPED = f'parley_events_skipped_total{{{NS}, topic="user.events", reason="failed"}}'
_PUSHES = f"parley_push_waiting_seconds{{{NS}, pod="
_DEGRADED = f'parley_degraded_total{{{NS}, mode="limits_without_redis"}}'

CASES = {
    "ParleyErrors": Case(
        rate(f'{_REQUESTS}"200"}}', 95) | rate(f'{_REQUESTS}"503"}}', 5),
        rate(f'{_REQUESTS}"200"}}', 995) | rate(f'{_REQUESTS}"503"}}', 5) | rate(f'{_REQUESTS}"404"}}', 100),
        {},
        "5% of the requests to the gateway.",
    ),
    "ParleySlow": Case(
        wide("parley_http_request_seconds", ', job="chat", route="/"', slow=True),
        wide("parley_http_request_seconds", ', job="chat", route="/"', slow=False),
        {"job": "chat"},
        "chat: 10s.",
    ),
    "ParleySendsFail": Case(
        rate(f'{_SENDS}"unavailable"}}', 2),
        rate(f'{_SENDS}"stored"}}', 2),
        {},
        "2 sends per second were told to try again.",
    ),
    "ParleyCommitsSlow": Case(
        wide("parley_ledger_commit_seconds", ', pod="chat-1"', slow=True),
        buckets("parley_ledger_commit_seconds", ', pod="chat-1"', slow=False),
        {},
        "One commit in a hundred takes 10s.",
    ),
    "ParleySocketsRefused": Case(
        rate(f'{_REFUSED}"full"}}', 3),
        rate(f'{_REFUSED}"draining"}}', 3),
        {"reason": "full"},
        "3 sockets per second are refused: full.",
    ),
    "ParleySlowConsumers": Case(rate(f'{_CLOSED}"4408"}}', 4), rate(f'{_CLOSED}"1012"}}', 400), {}, "4 per second."),
    "ParleyLoginsShed": Case(rate(_SHED, 1), rate(_SHED, 0), {}, "1 per second."),
    "ParleyPushesLate": Case(
        always(f'{_PUSHES}"notifications-1"}}', 600) | always(f'{_PUSHES}"notifications-2"}}', 0),
        always(f'{_PUSHES}"notifications-1"}}', 60),
        {},
        "The oldest push has waited 10m 0s.",
    ),
    "ParleyNotReady": Case(
        always(_READY, 0) | always(_DRAINING, 0),
        always(_READY, 0) | always(_DRAINING, 1),
        {"namespace": "parley", "pod": "chat-1"},
        "chat-1 has not been ready for five minutes.",
    ),
    "ParleyNoChatPods": Case(always(_PODS, 0), always(_PODS, 1), {}, "Nobody can connect."),
    "ParleyDrainStuck": Case(
        always(_DRAINING, 1),
        {_DRAINING: "0x25 1x5"},
        {"namespace": "parley", "pod": "chat-1"},
        "chat-1 has been draining for ten minutes.",
    ),
    "ParleyLoopBlocked": Case(
        wide("parley_event_loop_lag_seconds", ', pod="chat-1"', slow=True),
        buckets("parley_event_loop_lag_seconds", ', pod="chat-1"', slow=False),
        {"pod": "chat-1"},
        "chat-1 runs its timers 10s late.",
    ),
    "ParleyPodsEjected": Case(rate(_EJECTIONS, 1), rate(_EJECTIONS, 0.01), {"service": "chat"}, "Pods of chat."),
    "ParleyPostgresFails": Case(
        rate(f'{_ERRORS}"postgres"}}', 1), rate(f'{_ERRORS}"redis"}}', 1), {"job": "chat"}, "chat: 1 errors per second."
    ),
    "ParleyRedisFails": Case(
        rate(f'{_ERRORS}"redis"}}', 1), rate(f'{_ERRORS}"kafka"}}', 1), {"job": "chat"}, "chat: 1 errors per second."
    ),
    "ParleyBellAway": Case(
        always(f'{_UP}"chat-1"}}', 1) | always(f'{_UP}"chat-2"}}', 0),
        always(f'{_UP}"chat-1"}}', 1) | {f'{_UP}"chat-2"}}': "1x25 0x1 1x30"},
        {},
        "At least one pod is not subscribed at Redis.",
    ),
    "ParleyBellDeaf": Case(
        {_DEAF: "0+1x60"}, {_DEAF: "0x20 1x40"}, {"pod": "chat-1"}, "chat-1: 30 times in half an hour."
    ),
    "ParleyBellsDropped": Case(rate(_DROPPED, 20), rate(_DROPPED, 1), {}, "20 per second."),
    "ParleyRecordBehind": Case(
        always(f'{_WAITING}job="chat", pod="chat-1"}}', 600) | always(f'{_WAITING}job="chat", pod="chat-2"}}', 0),
        always(f'{_WAITING}job="chat", pod="chat-1"}}', 60),
        {"job": "chat"},
        "chat: the oldest has waited 10m 0s.",
    ),
    "ParleyNoRelay": Case(
        always(f'{_ACTIVE}job="chat", pod="chat-1"}}', 0) | always(f'{_ACTIVE}job="chat", pod="chat-2"}}', 0),
        always(f'{_ACTIVE}job="chat", pod="chat-1"}}', 0) | always(f'{_ACTIVE}job="chat", pod="chat-2"}}', 1),
        {"job": "chat"},
        "No process of chat has the relay.",
    ),
    "ParleyEventsParked": Case(
        always(_PARKED, 3), always(_PARKED, 0), {"job": "chat"}, "chat: 3 events are passed over."
    ),
    "ParleyEventsSkipped": Case(
        {_SKIPPED: "0+1x60"},
        {_SKIPPED: "5x60"},
        {"topic": "user.events", "reason": "failed"},
        "15 of user.events: failed.",
    ),
    "ParleyDegraded": Case(
        rate(_DEGRADED, 5),
        rate(_DEGRADED, 0.1),
        {"mode": "limits_without_redis"},
        "limits_without_redis: 5 per second.",
    ),
}

"""presence: who is there is shown so, through a rolling restart too; gone: who does not come back is shown so."""

from collections import defaultdict
from collections.abc import Iterable

from tests.faults.checkers.rolling import rolling_spans
from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Friends, Left, Listing, Mark, Sight
from tests.faults.history import History
from tests.faults.presence import GONE_SECONDS, GRACE_SECONDS

SLACK_SECONDS = 1.0  # between what a client and the server take for the end of its connection


class Sockets:
    """Who is connected, as the clients see it."""

    def __init__(self) -> None:
        self.open: defaultdict[str, dict[str, str]] = defaultdict(dict)  # by user: connection by client
        self.left_at: dict[str, float] = {}  # by user: when his last connection ended
        self.shown: dict[tuple[str, str], bool] = {}  # by client and friend: what it was told on its connection

    def take(self, event: object) -> None:
        """Follow what happens."""
        if isinstance(event, Connect) and event.type == "ok":
            self.open[event.user][event.client] = event.connection
            for place in [place for place in self.shown if place[0] == event.client]:
                del self.shown[place]
        elif isinstance(event, Close):
            for user, clients in self.open.items():
                if clients.get(event.client) == event.connection:
                    del clients[event.client]
                    self.left_at[user] = event.t
        elif isinstance(event, Sight):
            self.shown[event.client, event.friend] = event.online

    def state(self, user: str, now: float) -> bool | None:
        """Whether he is there; None if he has gone not long ago, or was never there."""
        if self.open[user]:
            return True
        left_at = self.left_at.get(user)
        return None if left_at is None or now - left_at < GONE_SECONDS else False


def check_presence(history: History) -> Verdict:
    """What clients are told of their friends, while pods are restarted politely and in the end."""
    verdict = Verdict("presence")
    sockets = Sockets()
    spans = rolling_spans(history)
    ended = False
    for event in history:
        sockets.take(event)
        if isinstance(event, Sight) and not event.online and any(since <= event.t <= until for since, until in spans):
            verdict.looked_at += 1
            away = event.t - sockets.left_at.get(event.friend, event.t)
            if sockets.open[event.friend] or away < GRACE_SECONDS - SLACK_SECONDS:
                what = f"{event.client} was told at {event.t:.3f} s that {event.friend} is gone"
                verdict.bad(f"{what}, who was away for {away:.1f} s in a rolling restart")
        elif isinstance(event, Listing) and event.friend:
            state = sockets.state(event.friend, event.t)
            verdict.looked_at += state is not None
            if state is not None and event.online is not state:
                verdict.bad(f"{event.user} finds {event.friend} {_word(event.online)}, who is {_word(state)}")
        elif isinstance(event, Mark) and event.name == "end" and not ended:
            ended = True
            _finish(event.t, history.of(Friends), sockets, verdict)
    return verdict


def check_gone(history: History) -> Verdict:
    """Whoever does not come back is shown offline to each friend who is connected, in the end."""
    verdict = Verdict("gone", optional=True)
    sockets = Sockets()
    for event in history:
        sockets.take(event)
        if isinstance(event, Mark) and event.name == "end":
            for left in history.of(Left):
                for client, friend in _watchers(left.user, history.of(Friends), sockets):
                    if sockets.state(left.user, event.t) is False:
                        verdict.looked_at += 1
                        if sockets.shown.get((client, friend), False):
                            gone = event.t - left.t
                            verdict.bad(f"{left.user} is gone for {gone:.0f} s and is shown online to {client}")
            break
    return verdict


def _finish(now: float, friends: Iterable[Friends], sockets: Sockets, verdict: Verdict) -> None:
    for pair in friends:
        for friend in pair.users:
            state = sockets.state(friend, now)
            for client, _ in _watchers(friend, [pair], sockets):
                if state is None:
                    continue
                verdict.looked_at += 1
                if sockets.shown.get((client, friend), False) is not state:
                    verdict.bad(f"{client} is shown {friend} {_word(not state)} in the end, who is {_word(state)}")


def _watchers(friend: str, friends: Iterable[Friends], sockets: Sockets) -> list[tuple[str, str]]:
    """(client, friend) of those who are told of him and connected."""
    users = {user for pair in friends if friend in pair.users for user in pair.users if user != friend}
    return [(client, friend) for user in sorted(users) for client in sockets.open[user]]


def _word(online: bool) -> str:
    return "online" if online else "offline"

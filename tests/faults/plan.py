"""What is broken when: a schedule from a seed, the same for the same seed."""

import random
from collections.abc import Iterable, Sequence

import msgspec

PODS = ("chat-1", "chat-2")
GATEWAYS = ("gateway", "gateway-2")
ENGINES = ("postgres", "valkey", "kafka")
LINKS = ("chat-1/postgres", "chat-1/valkey", "chat-2/postgres", "chat-2/valkey")

# Seconds that a fault lasts: (least, most). What is killed or terminated is started again after that, services at once.
SECONDS = {
    "kill": (0.5, 5.0),
    "term": (0.5, 5.0),
    "stop": (5.0, 40.0),
    "stop-postmaster": (3.0, 10.0),
    "end-backends": (1.0, 4.0),
    "kill-backend": (0.0, 1.0),
    "lock-room": (2.0, 6.0),
    "cut": (1.0, 10.0),
    "slow": (4.0, 12.0),
    "frozen": (3.0, 15.0),
    "deaf": (3.0, 15.0),
    "mute": (3.0, 15.0),
    "rolling": (0.0, 0.0),
    "storm": (0.0, 0.0),
    "poison": (0.0, 0.0),
    "rotate": (0.0, 0.0),
}
ALL: tuple[tuple[str, str], ...] = (
    *((kind, target) for kind in ("kill", "term", "stop") for target in (*PODS, *GATEWAYS, *ENGINES)),
    *((kind, "postgres") for kind in ("stop-postmaster", "end-backends", "kill-backend", "lock-room")),
    *((kind, link) for kind in ("cut", "slow", "frozen", "deaf", "mute") for link in LINKS),
    ("rolling", "chat"),
    ("storm", "clients"),
    ("poison", "kafka"),
    ("rotate", "keys"),
)
CALM_SECONDS = 6.0  # what a round takes beyond its faults, about: until everybody is well and has everything
LONGEST_ROUND = 45.0


class Planned(msgspec.Struct, frozen=True):
    """A fault: begins `at` seconds after its round has, and lasts `seconds`."""

    number: int
    kind: str
    target: str
    at: float
    seconds: float

    @property
    def touches(self) -> set[str]:
        """What must not be broken in another way at the same time."""
        return set(PODS) if self.target == "chat" else {self.target}


class Round(msgspec.Struct, frozen=True):
    """Faults that overlap; after them everything is mended and looked at."""

    faults: list[Planned]

    @property
    def seconds(self) -> float:
        """How long its faults take."""
        return max(fault.at + fault.seconds for fault in self.faults)


def make_plan(seed: int, seconds: float, kinds: Sequence[str] = ()) -> list[Round]:
    """Rounds that take about so many seconds altogether. Every fault comes before any comes a second time.

    The last round is a rolling restart alone, during which nothing may go wrong that another fault could explain.

    Arguments:
        kinds: of faults, if not all.
    """
    wanted = [fault for fault in ALL if not kinds or fault[0] in kinds]
    chance = random.Random(seed)
    bag: list[tuple[str, str]] = []
    rounds: list[Round] = []
    number, left = 0, seconds
    while left > 0:
        faults: list[Planned] = []
        for _ in range(chance.choice((1, 2, 3, 3, 4, 5))):
            if not bag:
                bag = chance.sample(wanted, len(wanted))
            busy = set().union(*(fault.touches for fault in faults))
            index = next((i for i, (_, target) in enumerate(bag) if not _touched(target) & busy), None)
            if index is None:
                break
            kind, target = bag.pop(index)
            number += 1
            faults.append(Planned(number, kind, target, round(chance.uniform(0, 5), 2), _lasting(kind, chance)))
        rounds.append(Round(faults))
        left -= rounds[-1].seconds + CALM_SECONDS
    if not kinds:
        rounds.append(Round([Planned(number + 1, "rolling", "chat", 0.0, 0.0)]))
    return rounds


def _touched(target: str) -> set[str]:
    return Planned(0, "", target, 0, 0).touches


def _lasting(kind: str, chance: random.Random) -> float:
    """Most freezes are short, so that the others get their turn; one in four may be of any length."""
    least, most = SECONDS[kind]
    if kind == "stop" and chance.random() < 0.75:
        most = 12.0
    return round(chance.uniform(least, most), 2)


def planned(rounds: Iterable[Sequence[tuple[str, str, float, float]]]) -> list[Round]:
    """A plan written by hand: (kind, target, at, seconds) of each fault of each round."""
    plan, number = [], 0
    for faults in rounds:
        plan.append(Round([]))
        for kind, target, at, seconds in faults:
            number += 1
            plan[-1].faults.append(Planned(number, kind, target, at, seconds))
    return plan


SHORT = planned(
    (
        (
            ("kill", "chat-1", 0.5, 0.5),
            ("cut", "chat-2/valkey", 1.0, 2.0),
            ("storm", "clients", 5.0, 0.0),
            ("kill", "valkey", 5.5, 1.0),
        ),
        (
            ("stop", "chat-2", 0.5, 5.0),
            ("deaf", "chat-1/postgres", 2.0, 3.0),
            ("kill", "postgres", 7.0, 1.0),
            ("kill", "gateway", 8.0, 0.5),
        ),
        (("rolling", "chat", 0.0, 0.0),),
    )
)

"""The shapes of shapes.toml: how many users there are at a moment, and when all sockets are dropped. Pure."""

from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("shapes.toml")


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until a share of the time the number of users goes to a share of all."""

    until: float
    users: float


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run goes."""

    about: str
    stages: list[Stage]
    cuts: list[float] = []

    def share(self, moment: float) -> float:
        """The share of users at a moment.

        Arguments:
            moment: a share of the time.
        """
        before = Stage(0.0, 0.0)
        for stage in self.stages:
            if moment < stage.until:
                way = (moment - before.until) / (stage.until - before.until)
                return before.users + (stage.users - before.users) * way
            before = stage
        return before.users

    def users(self, seconds: float, *, total: int, rate: float, time: float) -> int | None:
        """How many there are after so many seconds; None when it is over.

        Arguments:
            total: all of them.
            rate: new ones a second, where the shape has no stages of its own.
            time: how long it lasts, in seconds.
        """
        if seconds >= time:
            return None
        wanted = total * self.share(seconds / time) if self.stages else rate * (seconds + 1)
        return max(1, min(total, round(wanted)))

    def cuts_until(self, seconds: float, *, time: float) -> int:
        """How many times all sockets were to be dropped until now."""
        return sum(cut * time <= seconds for cut in self.cuts)


def shapes(path: Path = FILE) -> dict[str, Shape]:
    """All there are, by name.

    Raises:
        ValueError: the file says something that cannot be.
    """
    found = msgspec.toml.decode(path.read_bytes(), type=dict[str, Shape])
    for name, shape in found.items():
        moments = [0.0, *(stage.until for stage in shape.stages)]
        if sorted(set(moments)) != moments or (shape.stages and moments[-1] != 1.0):
            raise ValueError(f"the stages of {name} must ascend and end at 1")
        if any(not 0 <= share <= 1 for share in [*shape.cuts, *(stage.users for stage in shape.stages)]):
            raise ValueError(f"the shares of {name} must be from 0 to 1")
    return found

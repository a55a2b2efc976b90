"""What a session keeps while connections come and go."""

import asyncio
from dataclasses import dataclass, field

from .inbox import Inbox
from .observer import Counters, Observer
from .options import Options
from .outbox import Outbox
from .positions import Positions


@dataclass(slots=True)
class State:
    """Where the rooms are, what has arrived, what is on its way."""

    options: Options
    observer: Observer
    positions: Positions
    inbox: Inbox
    outbox: Outbox
    counters: Counters = field(default_factory=Counters)
    due: asyncio.Event = field(default_factory=asyncio.Event)  # something may have to be written

    def changed(self) -> None:
        """Something has been added to the outbox, or taken from it."""
        self.due.set()
        self.inbox.hurry(len(self.outbox) > 0)

"""Hands every tenth message twice to those who are connected here."""

import itertools

from chat_service.realtime.hub import Hub, LiveRoom
from chat_service.realtime.live import LiveMessage

EVERY = 10
_message = Hub.message
_numbers = itertools.count(1)


def message(self: Hub, room: LiveRoom, message: LiveMessage) -> None:
    """Repeat some."""
    _message(self, room, message)
    if next(_numbers) % EVERY == 0:
        _message(self, room, message)


def install() -> None:
    """Break it."""
    Hub.message = message  # type: ignore[method-assign]

"""A client of Parley: HTTP, and live sessions that survive whatever happens to servers and networks."""

from .api import Account, Parley
from .errors import ApiError, NoAnswer, ParleyError, SendRefused, SessionOver, Unavailable
from .model import Ack, Changed, Event, Message, Notice, Position, Ready, Room, User
from .observer import Counters, Observer
from .options import Options
from .session import ChatSession
from .tokens import Grant

__all__ = [
    "Account",
    "Ack",
    "ApiError",
    "Changed",
    "ChatSession",
    "Counters",
    "Event",
    "Grant",
    "Message",
    "NoAnswer",
    "Notice",
    "Observer",
    "Options",
    "Parley",
    "ParleyError",
    "Position",
    "Ready",
    "Room",
    "SendRefused",
    "SessionOver",
    "Unavailable",
    "User",
]

"""People and rooms, made over HTTP before a run; those of an earlier run are used again.

A password hash is made to be slow: about thirty people a second and core register or log in. So each is registered
once, and a refresh token, which costs next to nothing, brings the next access token.
"""

import secrets
from collections.abc import Callable
from typing import Any

import gevent
import gevent.pool
import requests
import requests.adapters

from .world import CIRCLE, Circle, Person, Room, World, shapes_of_rooms

AT_ONCE = 8
TRIES = 30


class SeedError(Exception):
    """There will be no people; `str()` says why."""


class Seeder:
    """Makes people.

    Arguments:
        host: of the platform.
        say: told how far it is.
    """

    def __init__(self, host: str, say: Callable[[str], None]) -> None:
        self._host = host.rstrip("/")
        self._say = say
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=AT_ONCE))

    def ready(self, world: World, circles: int, seconds: float) -> None:
        """Bring a world to so many circles, whose people can be played for so long without another login.

        Raises:
            SeedError: the platform does not let us.
        """
        missing = circles - len(world.circles)
        world.circles += [Circle([_somebody() for _ in range(CIRCLE)]) for _ in range(missing)]
        used = world.circles[:circles]
        people = [person for circle in used for person in circle.people]
        stale = [person for person in people if not person.fresh(seconds)]
        self._each(stale, self._let_in, "people")
        new = [circle for circle in used if not circle.rooms]
        self._each(new, self._furnish, "circles")

    def _each(self, items: list[Any], work: Callable[[Any], Any], what: str) -> None:
        pool = gevent.pool.Pool(AT_ONCE)
        for done, _ in enumerate(pool.imap_unordered(work, items), 1):
            if done % 50 == 0 or done == len(items):
                self._say(f"{done} of {len(items)} {what} are ready")

    def _let_in(self, person: Person) -> None:
        """Refresh, else log in, else register."""
        name = {"username": person.username, "password": person.password}
        ways = [("/auth/login", name), ("/auth/register", name)]
        if person.refresh_token:
            ways.insert(0, ("/auth/refresh", {"refresh_token": person.refresh_token}))
        if not person.id:
            ways = ways[-1:]
        for path, body in ways:
            status, answer = self._ask("POST", path, body)
            if status in (200, 201):
                person.access_token, person.refresh_token = answer["access_token"], answer["refresh_token"]
                person.id = answer.get("user_id", person.id)
                return
        raise SeedError(f"{person.username} is not let in: {status} {answer}")

    def _furnish(self, circle: Circle) -> None:
        rooms = []
        for members in shapes_of_rooms():
            names = [circle.people[place].username for place in members[1:]]
            direct = len(members) == 2
            body = (
                {"type": "direct", "user": names[0]} if direct else {"type": "group", "name": "load", "members": names}
            )
            status, answer = self._ask("POST", "/api/chat/rooms/", body, circle.people[members[0]])
            if status not in (200, 201):
                raise SeedError(f"a room cannot be made: {status} {answer}")
            rooms.append(Room(answer["id"], members))
        circle.rooms = rooms

    def _ask(self, method: str, path: str, body: Any, person: Person | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {person.access_token}"} if person else {}
        for _ in range(TRIES):
            try:
                reply = self._session.request(method, self._host + path, json=body, headers=headers, timeout=30)
            except requests.RequestException as error:
                raise SeedError(f"{self._host} does not answer: {error}") from None
            if reply.status_code == 429:
                raise SeedError("the platform limits its rates: start it with RATE_LIMITS=off, for this test only")
            if reply.status_code != 503:
                return reply.status_code, reply.json() if reply.content else None
            gevent.sleep(float(reply.headers.get("Retry-After", 1)))
        raise SeedError(f"{path} is not available")


def _somebody() -> Person:
    return Person(id="", username=f"load-{secrets.token_hex(5)}", password=secrets.token_urlsafe(12))

"""Who may pass: the token, the limit and the revocation of one request, with one round trip to Redis."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from prometheus_client import Counter

from chassis import logs
from chassis.problems import Problem, TooMany, Unauthorized, Unavailable
from chassis.revocations import Revocations
from chassis.tokens import Claims, TokenVerifier, bearer_token
from contracts import keys

from .addresses import bucket
from .limits import Limit, Limits, Verdict
from .routes import Access, Rate, Route
from .settings import Settings

_BY_ADDRESS = (Rate.LOGIN, Rate.PAGE, Rate.POLLING)
rate_allowed = Counter("parley_rate_allowed_total", "Requests that their limit let pass", ["rate"])
rate_limited = Counter("parley_rate_limited_total", "Requests refused for their number", ["rate"])


class Admitted(msgspec.Struct, frozen=True):
    """A request that may pass: for whom, and the headers that its answer gets."""

    claims: Claims | None
    headers: Mapping[str, str]


class Rates(msgspec.Struct, frozen=True):
    """The limits of one class; without `user` it counts by address only."""

    address: Limit
    user: Limit | None = None


def rates_of(settings: Settings) -> dict[Rate, Rates]:
    """The limits of all classes."""
    page = Limit.per(settings.rate_pages_per_minute, 60)
    polling = Limit.per(settings.rate_polling_per_minute, 60)
    return {
        Rate.DEFAULT: Rates(
            address=Limit.per(settings.rate_address_per_minute, 60),
            user=Limit.per(settings.rate_user_per_minute, 60),
        ),
        Rate.LOGIN: Rates(address=Limit.per(settings.rate_login_per_minute, 60)),
        Rate.PAGE: Rates(address=page),
        Rate.POLLING: Rates(address=polling),
        Rate.SOCKET: Rates(
            address=Limit.per(settings.rate_address_sockets_per_second, 1, settings.rate_address_sockets_burst),
            user=Limit.per(settings.rate_sockets_per_second, 1, settings.rate_sockets_burst),
        ),
    }


class Admission:
    """The check before every route.

    Arguments:
        verifier: of tokens.
        limits: of requests.
        revocations: asked when Redis cannot tell.
        rates: the limits of each class.
    """

    def __init__(
        self, verifier: TokenVerifier, limits: Limits, revocations: Revocations, rates: Mapping[Rate, Rates]
    ) -> None:
        self._verifier = verifier
        self._limits = limits
        self._revocations = revocations
        self._rates = rates

    async def admit(self, route: Route, address: str, authorization: Sequence[str], *, later: bool = False) -> Admitted:
        """Let a request pass, or not.

        Arguments:
            route: what it wants.
            address: of the client.
            authorization: the values of its `Authorization` headers, or what stands for them.
            later: the caller proves who he is in another way, which the service checks (a ticket).

        Raises:
            Problem: 401, 429 or 503, with the rate headers if the request was counted.
        """
        needed = route.access is Access.BEARER and not later
        claims, refusal = await self._identify(route, authorization, needed)
        rates = self._rates[route.rate]
        if claims is not None and rates.user is not None:
            limit, who = rates.user, f"u:{claims.user_id}"
        else:
            limit, who = rates.address, f"a:{bucket(address)}"
        session = claims.session_id if needed and claims is not None else None
        if claims is not None:
            logs.user_id.set(str(claims.user_id))
        verdict = await self._limits.check(limit, keys.rate_limit(route.rate.value, who), session)
        headers = verdict.headers()
        try:
            if not verdict.allowed:
                rate_limited.labels(route.rate.value).inc()
                raise TooMany(verdict.retry_seconds, "Too many requests; wait a little.")
            rate_allowed.labels(route.rate.value).inc()
            if refusal is not None:
                raise refusal
            if session is not None:
                await self._refuse_if_ended(session, verdict)
        except Problem as problem:
            problem.headers.update(headers)
            raise
        return Admitted(claims, headers)

    async def _identify(
        self, route: Route, authorization: Sequence[str], needed: bool
    ) -> tuple[Claims | None, Problem | None]:
        """The claims if there is a good token; why there are none if one is needed."""
        if route.rate in _BY_ADDRESS or not (needed or authorization):
            return None, None
        try:
            return await self._verifier.verify(bearer_token(authorization)), None
        except (Unauthorized, Unavailable) as problem:
            return None, problem if needed else None

    async def _refuse_if_ended(self, session_id: UUID, verdict: Verdict) -> None:
        ended = verdict.revoked
        if ended is None:
            ended = not await self._revocations.ask_owner(session_id)
        if ended:
            raise Unauthorized("The session has been ended; log in again.", code="token_revoked")

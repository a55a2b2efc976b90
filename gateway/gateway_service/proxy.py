"""The HTTP proxy: streams a request to a pod and its answer back, within deadlines.

What is tried again: a pod that does not accept the connection, or says that it is starting or full, is passed over for
another one, since it has done nothing with the request; a connection that is closed before the answer begins is
replaced for idempotent requests without a body, a new one by another pod's. Nothing else. A pod that says that it is
leaving answers, and gets no more as long as there is another one.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

import msgspec
from prometheus_client import Counter, Histogram

from chassis.asgi import LEAVING, STARTING, STATE, Receive, Send
from chassis.metrics import LATENCY_BUCKETS
from chassis.problems import Problem, Unavailable

from .connection import Connection, Failure, UpstreamError
from .headers import encode, response_headers
from .http1 import Head, Headers
from .pods import Pod, Pods, Target, UnknownSession
from .request import Request
from .upload import ClientGone, Upload

logger = logging.getLogger(__name__)
upstream_errors = Counter("parley_gateway_upstream_errors_total", "Services that failed", ["service", "kind"])
upstream_seconds = Histogram(
    "parley_gateway_upstream_seconds",
    "Time from a request until the head of a service's answer",
    ["service"],
    buckets=LATENCY_BUCKETS,
)

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_STATE, _STARTING, _LEAVING = STATE.lower().encode(), STARTING.encode(), LEAVING.encode()
MAX_CONNECTS = 3  # pods tried for one request
LEAVING_SECONDS = 5.0  # about what a pod needs to go away, and the one in its place to come


class Deadlines(msgspec.Struct, frozen=True):
    """In seconds."""

    response: float = 30.0  # until the head of the answer
    idle: float = 30.0  # between two pieces of a body


class CutShort(Exception):
    """The answer has begun and will not end: the client's connection must, so that it notices."""

    def __init__(self, error: UpstreamError) -> None:
        super().__init__(str(error))
        self.failure = error.failure


class PassedOver(Exception):
    """A pod has done nothing with the request, and there is another one to ask."""


class Proxy:
    """Passes requests to the pods of the services.

    Arguments:
        services: the pods by service.
        max_body_bytes: of a request.
        deadlines: see there.
    """

    def __init__(self, services: Mapping[str, Pods], *, max_body_bytes: int, deadlines: Deadlines) -> None:
        self._services = services
        self._max_body_bytes = max_body_bytes
        self._deadlines = deadlines

    async def forward(
        self, target: Target, request: Request, extra: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        """Answer a request with a service's answer.

        Arguments:
            target: who answers.
            request: what to pass on.
            extra: headers that the answer gets.
            receive, send: the client's side.

        Raises:
            Problem: 400 and 413 for the body, 408 for a client that does not send it, 502 when the service broke, 503
                when it is not there, 504 when it is too slow; all before anything was sent to the client.
            UnknownSession: the pod that the target names is not there.
        """
        length = request.length(self._max_body_bytes)
        upload = Upload(receive, length, self._max_body_bytes, self._deadlines.idle)
        service = target.service
        pods = self._services[service]
        headers = encode(extra.items())
        passed: list[Pod] = []
        fresh = False
        try:
            await upload.first_piece()
            while True:
                pod, connection = await self._connect(pods, target, passed, fresh=fresh)
                last = target.sid is not None or len(passed) + 1 >= min(MAX_CONNECTS, len(pods.pods))
                try:
                    await self._exchange(pods, pod, connection, target, request, upload, headers, send, last=last)
                    return
                except PassedOver:
                    passed.append(pod)
                except UpstreamError as error:
                    again = error.failure is Failure.STALE and (connection.used or not last)
                    once = target.sid is not None or request.method not in _IDEMPOTENT
                    if not again or once or upload.sent_body:
                        raise
                    upstream_errors.labels(service, error.failure.value).inc()
                    fresh = True
                    if not connection.used:
                        passed.append(pod)
        except UpstreamError as error:
            upstream_errors.labels(service, error.failure.value).inc()
            if target.sid is not None and error.failure in (Failure.CONNECT, Failure.STALE):
                raise UnknownSession from None
            logger.warning("a service did not answer", extra={"upstream": service, "error": str(error)})
            raise problem_of(error) from None
        except CutShort as error:
            upstream_errors.labels(service, error.failure.value).inc()
            logger.warning("an answer was cut short", extra={"upstream": service, "error": str(error)})
        except ClientGone:
            return

    async def _exchange(
        self,
        pods: Pods,
        pod: Pod,
        connection: Connection,
        target: Target,
        request: Request,
        upload: Upload,
        extra: Headers,
        send: Send,
        *,
        last: bool,
    ) -> None:
        """One request and its answer on one connection; of the `last` pod to ask, any answer counts.

        Raises:
            PassedOver: it is not the last, and has done nothing.
        """
        load = 0 if target.polls else 1
        pod.in_flight += load
        try:
            more = pod.introduction() if target.newcomer else ()
            upload.start(connection, request.method, request.head(pod.name, upload.length, more))
            asked = time.perf_counter()
            head = await self._head(connection, upload)
            if not target.polls:  # most of which wait on purpose
                upstream_seconds.labels(pods.service).observe(time.perf_counter() - asked)
            state = next((value for name, value in head.headers if name == _STATE), b"")
            if head.status == 503 and not last and upload.repeatable and (target.newcomer or state == _STARTING):
                pods.rest(pod)
                raise PassedOver
            pods.worked(pod)
            if state == _LEAVING:
                pods.rest(pod, LEAVING_SECONDS)
            await self._respond(head, connection, upload, extra, send)
        except UpstreamError as error:
            connection.abort()
            if error.failure is Failure.SLOW or not connection.used:
                pods.failed(pod)
            raise
        except BaseException:
            connection.abort()
            raise
        finally:
            upload.stop()
            pod.in_flight -= load
        (pod.polls if target.polls else pod.pool).release(connection)

    async def _connect(
        self, pods: Pods, target: Target, passed: Sequence[Pod], *, fresh: bool
    ) -> tuple[Pod, Connection]:
        """A connection to some pod that was not passed over; a new one if it must be `fresh`."""
        tried = [*passed]
        error = UpstreamError(Failure.CONNECT, "no pod is known")
        while (
            len(tried) < MAX_CONNECTS and (pod := pods.choose(target.load, exclude=tried, sid=target.sid)) is not None
        ):
            if len(tried) > len(passed):
                upstream_errors.labels(pods.service, error.failure.value).inc()
            tried.append(pod)
            pool = pod.polls if target.polls else pod.pool
            try:
                return pod, (None if fresh else pool.take()) or await pool.connect()
            except UpstreamError as failure:
                error = failure
                if failure.failure is Failure.CONNECT:
                    pods.failed(pod)
        raise error

    async def _head(self, connection: Connection, upload: Upload) -> Head:
        try:
            async with asyncio.timeout(self._deadlines.response):
                return await connection.head()
        except TimeoutError:
            raise UpstreamError(Failure.SLOW, "no answer in time") from None
        except UpstreamError:
            upload.check()  # it may be us who ended it, because of the client
            raise

    async def _respond(self, head: Head, connection: Connection, upload: Upload, extra: Headers, send: Send) -> None:
        if head.status == 101:
            raise UpstreamError(Failure.BROKEN, "an upgrade that nobody asked for")
        headers = response_headers(head.headers, head.status, extra)
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        try:
            while piece := await connection.read(self._deadlines.idle):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except UpstreamError as error:
            upload.check()
            raise CutShort(error) from None
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def problem_of(error: UpstreamError) -> Problem:
    """What a client is told of a service that failed."""
    if error.failure is Failure.CONNECT:
        return Unavailable("A part of the service cannot be reached; try again.", code="upstream_away")
    if error.failure is Failure.FULL:
        return Unavailable("A part of the service is very busy; try again.", code="upstream_busy", retry_after=1)
    if error.failure is Failure.SLOW:
        return Problem(504, "A part of the service did not answer in time.")
    return Problem(502, "A part of the service broke off.")

"""Making the objects, following the master's log, collecting the reports, cleaning up."""

import base64
import contextlib
import io
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from kubernetes import client

from .objects import BEGIN, END, Run, master, policy, service, workers

START_SECONDS = 300.0  # for the image to be had and the pod to run
POLL_SECONDS = 1.0
WIDTH = 40
REPORT_BYTES = 64 * 1024 * 1024


class Failed(Exception):
    """There is no result; `str()` says why."""


class Flow:
    """One run in a cluster.

    Arguments:
        api: the client of Kubernetes.
        run: what to run.
        say: told each line for the person at the terminal.
        poll_seconds: between two looks.
    """

    def __init__(
        self,
        api: client.ApiClient,
        run: Run,
        say: Callable[[str], None],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._core: Any = client.CoreV1Api(api)
        self._batch: Any = client.BatchV1Api(api)
        self._network: Any = client.NetworkingV1Api(api)
        self._run = run
        self._say = say
        self._poll_seconds = poll_seconds

    def play(self, into: Path, *, keep: bool = False) -> int:
        """Run it; the exit code of the master.

        Arguments:
            into: a folder for the reports.
            keep: leave the objects in the cluster.

        Raises:
            Failed: the master did not come to an end.
        """
        try:
            self._make()
            pod = self._until_running()
            archive = self._follow(pod)
            unpack(archive, into)
            return self._exit_code(pod)
        finally:
            if not keep:
                self._clean_up()

    def _make(self) -> None:
        run, namespace = self._run, self._run.namespace
        self._network.create_namespaced_network_policy(namespace, policy(run))
        self._core.create_namespaced_service(namespace, service(run))
        for job in (master(run), workers(run)):
            self._batch.create_namespaced_job(namespace, job)
        self._say(f"{run.name}: a master and {run.workers} workers against {run.host}")

    def _until_running(self) -> str:
        """The name of the master's pod, as soon as it has a log."""
        deadline = time.monotonic() + START_SECONDS
        selector = f"{self._run.selector},app.kubernetes.io/component=master"
        while time.monotonic() < deadline:
            for pod in self._core.list_namespaced_pod(self._run.namespace, label_selector=selector).items:
                if pod.status.phase in ("Running", "Succeeded", "Failed"):
                    return str(pod.metadata.name)
            time.sleep(self._poll_seconds)
        raise Failed(f"the master does not run after {START_SECONDS:.0f} s: see kubectl describe pods -l {selector}")

    def _follow(self, pod: str) -> str:
        """Show the master's log with a bar; what it says between the marks is the archive."""
        archive: list[str] = []
        inside = False
        bar = Bar(self._run.seconds, self._say)
        stream = self._core.read_namespaced_pod_log(pod, self._run.namespace, follow=True, _preload_content=False)
        for line in _lines(stream):
            if line == BEGIN:
                inside = True
            elif line == END:
                inside = False
            elif inside:
                archive.append(line)
            else:
                bar.show(line)
        return "".join(archive)

    def _exit_code(self, pod: str) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            statuses = self._core.read_namespaced_pod(pod, self._run.namespace).status.container_statuses or []
            for status in statuses:
                if status.state.terminated is not None:
                    return int(status.state.terminated.exit_code)
            time.sleep(self._poll_seconds)
        raise Failed(f"nobody says how {pod} ended")

    def _clean_up(self) -> None:
        run, namespace = self._run, self._run.namespace
        for part in ("worker", "master"):
            with _unless_gone():
                self._batch.delete_namespaced_job(f"{run.name}-{part}", namespace, propagation_policy="Background")
        with _unless_gone():
            self._core.delete_namespaced_service(f"{run.name}-master", namespace)
        with _unless_gone():
            self._network.delete_namespaced_network_policy(f"{run.name}-load", namespace)


class Bar:
    """How far a run is, before each line of its log.

    Arguments:
        seconds: how long it takes.
        say: told the lines.
    """

    def __init__(self, seconds: int, say: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._say = say
        self._began = 0.0

    def show(self, line: str) -> None:
        """A line; those that tell how it goes have a bar."""
        if "messages/s" not in line:
            self._say(line)
            return
        self._began = self._began or time.monotonic()
        share = min(1.0, (time.monotonic() - self._began) / self._seconds)
        self._say(f"[{'#' * round(share * WIDTH):{WIDTH}}] {line.strip()}")


def unpack(archive: str, into: Path) -> None:
    """Write the reports to a folder.

    Raises:
        Failed: there are none, or they are more than reports.
    """
    try:
        data = base64.b64decode(archive, validate=True)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            if sum(member.size for member in tar) > REPORT_BYTES:
                raise Failed("the reports are too large to be reports")
            into.mkdir(parents=True, exist_ok=True)
            tar.extractall(into, filter="data")
    except (ValueError, tarfile.TarError, EOFError) as error:
        raise Failed(f"the master has left no reports: {error}") from None


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in stream:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    """Cleaning up goes on, whatever is there no more or cannot be removed; the latter is said."""
    try:
        yield
    except client.ApiException as error:
        if error.status != 404:
            print(f"could not be removed: {error.reason}", file=sys.stderr)

"""Apache Kafka itself: one node that is broker and controller (KRaft), of jars that Maven fetches."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
POM = ROOT / "tests" / "kafka" / "pom.xml"
FETCH_SECONDS = 600
START_SECONDS = 120
STOP_SECONDS = 20
USER, PASSWORD = "parley", "not-a-secret-but-a-test"
CLUSTER_ID = "cGFybGV5LWluLWl0cy10ZQ"  # 16 bytes, as URL-safe base64

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class Unavailable(Exception):
    """It cannot be had here; says why."""


def fetch() -> Path:
    """The folder with its jars, in the versions of the pom and of what those ask for.

    Raises:
        Unavailable: Java or Maven is missing, or Maven cannot fetch.
    """
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program} on this machine")
    folder = ROOT / ".cache" / "apache-kafka"
    done = folder / "pom.xml"  # a copy of what was fetched last, written when all of it was there
    if done.is_file() and done.read_bytes() == POM.read_bytes():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-C", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable("Maven takes too long") from None
    if result.returncode:
        raise Unavailable(f"Maven cannot fetch it: {(result.stdout + result.stderr).strip()[-500:]}")
    shutil.copy(POM, done)
    return folder


class ApacheKafka:
    """A node in a folder, which may be killed and started again; what it was given is on disk."""

    def __init__(self, folder: Path) -> None:
        self._jars = fetch()
        self._folder = folder
        ports = dict(zip(("plain", "sasl", "controller"), _free_ports(3), strict=True))
        self.url = f"kafka://127.0.0.1:{ports['plain']}"
        self.sasl_url = f"kafka://127.0.0.1:{ports['sasl']}"
        self._port = ports["plain"]
        self._properties = folder / "server.properties"
        text = PROPERTIES.format(**ports, data=folder / "data", user=USER, password=PASSWORD)
        self._properties.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties))

    def _command(self, name: str, *arguments: str) -> list[str]:
        memory = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return ["java", *memory, "-cp", str(self._jars / "*"), name, *arguments]

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(self._command(name, *arguments), capture_output=True, timeout=START_SECONDS, check=True)

    def start(self) -> None:
        """Start it, and wait until it listens. Raises TimeoutError."""
        with (self._folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)), stdout=log, stderr=log, cwd=self._folder
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        log_text = (self._folder / "kafka.log").read_text(errors="replace")
        raise TimeoutError(f"Kafka does not start: {log_text[-1000:]}")

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def running_apache(folder: Path) -> Iterator[ApacheKafka]:
    """A node for the length of a block. Raises Unavailable."""
    kafka = ApacheKafka(folder)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()


def main() -> None:
    """`python -m tests.support.apache_kafka`: have it here, or say why not."""
    try:
        sys.stdout.write(f"Apache Kafka is in {fetch()}\n")
    except Unavailable as error:
        sys.stdout.write(f"Apache Kafka cannot be had, its tests are skipped: {error}\n")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


if __name__ == "__main__":
    main()

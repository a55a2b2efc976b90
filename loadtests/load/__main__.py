"""`python -m loadtests.load`: play people against a platform, one that runs or one of its own, and judge it."""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from devstack.background import Background
from devstack.errors import DevstackError
from devstack.settings import Settings

from .shapes import shapes

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "load"
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
DEFAULT_HOST = "http://127.0.0.1:8000"
ASKED = "/.well-known/jwks.json"  # every platform answers this
SETTLE_SECONDS = 60  # for users to wait for what is still to come
INVALID = 2
TAIL_LINES = 30


def arguments(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """What the command line says, and what is for Locust."""
    about = [f"  {name:8} {shape.about}" for name, shape in shapes().items()]
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.load",
        description="People who talk, and check what they are told.\n"
        "Other options go to Locust: --processes 2, --pace 5, --delivery-p99-ms 300,\n"
        "--master --expect-workers 2, --worker --master-host HOST.",
        epilog="shapes:\n" + "\n".join(about),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help=f"the platform; without it {DEFAULT_HOST}, or one of our own")
    parser.add_argument("--own", action="store_true", help="start one of our own in any case")
    parser.add_argument("--users", type=int, default=50, help="at most (default 50)")
    parser.add_argument("--rate", type=float, default=10, help="new users a second (default 10)")
    parser.add_argument("--time", default="60s", help="how long, such as 30s, 5m, 2h (default 60s)")
    parser.add_argument("--shape", default="steady", choices=sorted(shapes()), help="see below (default steady)")
    parser.add_argument("--into", type=Path, default=CACHE / "report", metavar="FOLDER", help="where reports go")
    return parser.parse_known_args(words)


def program() -> str | None:
    """Locust, in its environment beside ours."""
    return shutil.which("locust", path=str(Path(sys.prefix) / "load" / "bin")) or shutil.which("locust")


def answers(host: str) -> bool:
    """Whether a platform is there."""
    try:
        return httpx.get(host + ASKED, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def platform(host: str | None, *, own: bool = False) -> Iterator[str]:
    """Where to go: what is named, else what runs at the usual place, else one that lives as long as the block.

    Raises:
        DevstackError: our own does not start.
    """
    if not own and (host or answers(DEFAULT_HOST)):
        yield host or DEFAULT_HOST
        return
    print("starting a platform ...", flush=True)
    environment = {**os.environ, "RATE_LIMITS": "off"}
    with Background(Settings(port=0, data_dir=CACHE / "data"), environment=environment) as stack:
        yield stack.gateway_url


def command(locust: str, wanted: argparse.Namespace, rest: Sequence[str], host: str) -> list[str]:
    """How Locust is started."""
    words = [locust, "-f", str(LOCUSTFILE), "--host", host, "--headless", *rest]
    if "--worker" in rest:
        return words
    words += ["--users", str(wanted.users), "--spawn-rate", str(wanted.rate), "--run-time", wanted.time]
    words += ["--shape", wanted.shape, "--stop-timeout", str(SETTLE_SECONDS)]
    words += ["--html", str(wanted.into / "report.html"), "--csv", str(wanted.into / "report")]
    words += ["--report", str(wanted.into / "report.json"), "--only-summary"]
    if wanted.own or (not wanted.host and host != DEFAULT_HOST):
        words += ["--people", str(CACHE / "own.json")]  # the port is another one each time, the people are the same
    return words


def run(words: Sequence[str], log: Path) -> int:
    """Run Locust; a Ctrl-C is for it, and it says what came out all the same.

    Arguments:
        log: where its own log goes; the end of it is shown if Locust itself fails.
    """
    with log.open("w") as file, subprocess.Popen(words, cwd=ROOT, stderr=file) as process:
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
    if code not in (0, 1, INVALID):
        print("\n".join(log.read_text().splitlines()[-TAIL_LINES:]), file=sys.stderr)
    return code


def main(words: Sequence[str] | None = None) -> int:
    """0 if all was well, 1 if a promise was broken or a threshold exceeded, 2 if nothing was measured."""
    wanted, rest = arguments(words)
    locust = program()
    if locust is None:
        print("Locust is not installed: `make load` installs it.", file=sys.stderr)
        return INVALID
    shutil.rmtree(wanted.into, ignore_errors=True)
    wanted.into.mkdir(parents=True, exist_ok=True)
    try:
        with platform(wanted.host, own=wanted.own) as host:
            code = run(command(locust, wanted, rest, host), wanted.into / "locust.log")
    except DevstackError as error:
        print(f"The platform does not start: {error}", file=sys.stderr)
        return INVALID
    if "--worker" not in rest:
        print(f"report.html, report.json and CSV are in {wanted.into}.")
    return code


if __name__ == "__main__":
    sys.exit(main())

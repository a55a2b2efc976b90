"""`python -m loadtests.cluster`: play people from inside a cluster, against a release of the chart."""

import argparse
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import urllib3
from kubernetes import client, config

from loadtests.load.shapes import shapes

from .flow import Failed, Flow
from .objects import Run

INTO = Path(__file__).parents[2] / ".cache" / "load" / "cluster"
INVALID = 2
_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> int:
    """`90s`, `5m`, `1h`, or a number of seconds."""
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no time such as 30s, 5m or 2h")
    return int(match[1]) * _UNITS[match[2] or "s"]


def run_of(words: Sequence[str] | None = None) -> tuple[Run, argparse.Namespace]:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.cluster", description=__doc__, epilog="Other options go to Locust, such as --pace 5."
    )
    parser.add_argument("--release", default="parley", help="of the chart (default parley)")
    parser.add_argument("--namespace", default="default", help="where it is (default default)")
    parser.add_argument("--image", required=True, help="of loadtests/Dockerfile, where the cluster can have it")
    parser.add_argument("--host", help="the platform, if not the gateway of the release")
    parser.add_argument("--workers", type=int, default=2, help="processes that play (default 2)")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20, help="new users a second (default 20)")
    parser.add_argument("--time", type=seconds_of, default=300, metavar="5m")
    parser.add_argument("--shape", default="steady", choices=sorted(shapes()))
    parser.add_argument("--into", type=Path, default=INTO, metavar="FOLDER", help="where reports go")
    parser.add_argument("--keep", action="store_true", help="leave the objects in the cluster")
    parser.add_argument("--context", help="of the kubeconfig, if not the current one")
    wanted, extra = parser.parse_known_args(words)
    fullname = wanted.release if "parley" in wanted.release else f"{wanted.release}-parley"
    run = Run(
        name=f"load-{secrets.token_hex(3)}",
        namespace=wanted.namespace,
        image=wanted.image,
        host=wanted.host or f"http://{fullname}-gateway.{wanted.namespace}:80",
        workers=wanted.workers,
        users=wanted.users,
        rate=wanted.rate,
        seconds=wanted.time,
        shape=wanted.shape,
        extra=tuple(extra),
    )
    return run, wanted


def main(words: Sequence[str] | None = None) -> int:
    """0 if all was well, 1 if a promise was broken or a threshold exceeded, 2 if nothing was measured."""
    run, wanted = run_of(words)
    try:
        api = config.new_client_from_config(context=wanted.context)  # type: ignore[no-untyped-call]
        code = Flow(api, run, lambda line: print(line, flush=True)).play(wanted.into, keep=wanted.keep)
    except (Failed, config.ConfigException, client.ApiException, urllib3.exceptions.HTTPError) as error:
        print(f"Nothing was measured: {error}", file=sys.stderr)
        return INVALID
    print(f"report.html, report.json and CSV are in {wanted.into}.")
    return code


if __name__ == "__main__":
    sys.exit(main())

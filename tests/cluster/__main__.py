"""`python -m tests.cluster`: the life of a release on a real cluster, under load, with the fault suite's checkers.

KUBECONFIG or --kubeconfig says where. PostgreSQL, Redis and Kafka lie outside of the cluster: at the URLs given, or,
with --engines-at, from wheels at an address of this machine that pods can reach.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.cluster.accepted import accept_all
from tests.cluster.ground import engines_at, ground
from tests.cluster.kube import Kube, NotSo
from tests.cluster.release import RELEASE, Refused, Release, merged, previous_chart
from tests.cluster.scenario import Scenario
from tests.faults.report import Report, as_json


def main() -> int:
    """Run; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG"), help="whose rights are used, and where")
    parser.add_argument("--image", required=True, help="REPOSITORY:TAG, which the cluster can pull or has")
    parser.add_argument("--previous", help="the chart to upgrade from: a folder, an archive, a revision of git")
    parser.add_argument("--engines-at", metavar="ADDRESS", help="start engines from wheels there")
    parser.add_argument("--postgres", metavar="URL", help="of a role that may make databases")
    parser.add_argument("--redis", metavar="URL", help="of a server that nobody else uses")
    parser.add_argument("--kafka", metavar="URL", help="kafka://host:port")
    parser.add_argument("--enforced", action="store_true", help="the cluster enforces network policies: try them")
    parser.add_argument("--seed", type=int, default=1, help="of what is said")
    parser.add_argument("--report", type=Path, help="write what was seen there, as JSON")
    parser.add_argument("--keep", type=Path, help="a folder for the history, which is removed otherwise")
    given = parser.parse_args()
    if not given.kubeconfig:
        parser.error("which cluster? --kubeconfig or KUBECONFIG")
    if not given.engines_at and not (given.postgres and given.redis and given.kafka):
        parser.error("either --engines-at or all of --postgres, --redis and --kafka")
    logging.getLogger("chassis").setLevel(logging.CRITICAL)  # our own consumer complains of what is done to it
    folder = given.keep or Path(tempfile.mkdtemp(prefix="parley-cluster-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        report = asyncio.run(run(given, folder))
    except (NotSo, Refused) as error:
        say(f"FAILED: {error}")
        return 1
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if given.report:
        given.report.write_bytes(as_json(report))
    return 0 if report.passed else 1


async def run(given: argparse.Namespace, folder: Path) -> Report:
    """Make a namespace, live through the scenario, and remove all of it."""
    namespace = f"parley-test-{secrets.token_hex(3)}"
    kubeconfig = Path(given.kubeconfig)
    kube = Kube(kubeconfig, namespace)
    async with AsyncExitStack() as stack:
        urls = (given.postgres, given.redis, given.kafka)
        if given.engines_at:
            urls = await stack.enter_async_context(engines_at(given.engines_at, folder / "engines"))
        stands_on = await stack.enter_async_context(ground(namespace, *urls, folder))
        repository, _, tag = given.image.rpartition(":")
        values = merged(stands_on.values, {"image": {"repository": repository, "tag": tag}})
        chart, what = previous_chart(folder / "previous", given.previous)
        say(f"namespace {namespace}; from {what}")
        await kube.make_namespace()
        stack.push_async_callback(kube.remove_namespace)
        say(await accept_all(kubeconfig, namespace))
        await kube.put_secret(RELEASE, stands_on.secret)
        scenario = Scenario(kube, Release(kubeconfig, namespace, values), stands_on, folder, say)
        try:
            return await scenario.run(chart, given.seed, enforced=given.enforced)
        except BaseException:
            with contextlib.suppress(Exception):
                say(await kube.describe())
            raise


def say(line: str) -> None:
    """A line for the person."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

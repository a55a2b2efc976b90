"""`python -m tests.cluster.here`: build the image, start a cluster of one node on this machine, and run the scenario.

Where that cannot be done, it says why and ends with 0.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.imagecheck.containers import CheckFailed, NotHere, Storage, missing
from devstack import web
from devstack.installers import NotInstalled
from tests.cluster.onenode.__main__ import CANNOT
from tests.cluster.onenode.machine import NODE_ADDRESS, reasons_against

IMAGE = "localhost/parley:cluster"


def main() -> int:
    """Run; 0 if nothing was wrong, or no cluster can be had here."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.here", description=__doc__)
    parser.add_argument("--archive", type=Path, help="the image, if it was built before; it is written there otherwise")
    parser.add_argument("arguments", nargs="*", help="of python -m tests.cluster, after --")
    given = parser.parse_args()
    reasons = reasons_against()
    if absent := missing():
        reasons.append(f"{', '.join(absent)} missing, with which the image is built")
    if reasons:
        print(f"No cluster can be made here, and no KUBECONFIG says where one is: {'; '.join(reasons)}.")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="parley-here-"))
    archive = given.archive or folder / "parley.tar"
    try:
        if not archive.exists():
            print("building the image ...", flush=True)
            asyncio.run(build(folder, archive))
        scenario = [
            "-m",
            "tests.cluster",
            "--image",
            IMAGE,
            "--engines-at",
            NODE_ADDRESS,
            "--enforced",
            *given.arguments,
        ]
        onenode = ["-m", "tests.cluster.onenode", "--image", f"{IMAGE}={archive}", "--", sys.executable, *scenario]
        code = subprocess.run([sys.executable, *onenode], check=False).returncode
    except (CheckFailed, NotHere) as error:
        print(error)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if code == CANNOT else code


async def build(folder: Path, archive: Path) -> None:
    """The image, on Debian's packages, as a file.

    Raises:
        CheckFailed, NotHere: it cannot be built.
    """
    try:
        print(web.build())
    except NotInstalled as error:
        print(f"The image is without the web client: {error}.")
    storage = Storage(folder)
    try:
        await storage.make_base()
        await storage.build()
        await storage.archive(archive, IMAGE)
    finally:
        await storage.close()


if __name__ == "__main__":
    sys.exit(main())

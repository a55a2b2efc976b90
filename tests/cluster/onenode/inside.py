"""The first process of a cluster's namespaces; `python -m tests.cluster.onenode` starts it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from deploy.tools import tools

from .build import build
from .cluster import Cluster, NotStarted
from .machine import INSIDE, Wanted, become_first, hide


def main() -> int:
    """Start, run the command, stop; its exit code."""
    wanted = msgspec.json.decode(sys.argv[1], type=Wanted)
    folder = Path(os.environ[INSIDE])
    began = time.monotonic()
    images = {name: Path(archive) for name, archive in wanted.images.items()}
    try:
        with Cluster(build(), folder, images) as cluster:
            print(f"a cluster of one node is ready after {time.monotonic() - began:.0f} s", flush=True)
            path = f"{tools().kubectl.parent}:{tools().helm.parent}:{os.environ['PATH']}"
            environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": path}
            command = wanted.command or [os.environ.get("SHELL", "/bin/sh")]
            return subprocess.run(command, env=environment, check=False).returncode
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if wanted.keep is not None:
            Path(wanted.keep).mkdir(parents=True, exist_ok=True)
            for log in (folder / "logs").glob("*.log"):
                (Path(wanted.keep) / log.name).write_bytes(log.read_bytes())


if __name__ == "__main__":
    hide()
    sys.exit(become_first(main))

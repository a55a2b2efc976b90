"""`python -m tests.cluster.onenode [-- COMMAND …]`: run a command, or a shell, beside a cluster with KUBECONFIG set.

Exit code: that of the command; 3 when no cluster can be made here, with the reasons.
"""

import argparse
import sys

import msgspec

from .build import NotBuilt, build
from .crds import definitions
from .machine import Wanted, reasons_against, run

CANNOT = 3


def main() -> int:
    """Compile what is needed, and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.onenode", description=__doc__)
    parser.add_argument("--image", action="append", default=[], metavar="NAME=ARCHIVE", help="make an image known")
    parser.add_argument("--keep", help="a folder for the logs of the cluster's programs")
    parser.add_argument("command", nargs="*", help="after --; a shell if none is given")
    given = parser.parse_args()
    if reasons := reasons_against():
        print(f"No cluster can be made here: {'; '.join(reasons)}.", file=sys.stderr)
        return CANNOT
    try:
        build()
        definitions()  # inside there is no network
    except NotBuilt as error:
        print(f"No cluster can be made here: {error}.", file=sys.stderr)
        return CANNOT
    images = dict(one.split("=", 1) for one in given.image)
    wanted = Wanted(given.command, images, given.keep)
    return run("tests.cluster.onenode.inside", [msgspec.json.encode(wanted).decode()])


if __name__ == "__main__":
    sys.exit(main())

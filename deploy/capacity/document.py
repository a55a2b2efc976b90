"""`python -m deploy.capacity.document`: write the tables of docs/operations/capacity.md anew."""

import re
import sys

from ..tools import ROOT
from .__main__ import USERS, table
from .model import Load

DOCUMENT = ROOT / "docs" / "operations" / "capacity.md"
LOADS = {
    "chart": [Load(users) for users in USERS],
    "full": [Load(users, sockets_per_pod=40_000) for users in USERS],
}
_BLOCK = re.compile(r"(<!-- capacity: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def written_anew(text: str) -> str:
    """The page with its tables as the arithmetic has them now."""
    return _BLOCK.sub(lambda block: block[1] + table(LOADS[block[2]]) + block[3], text)


if __name__ == "__main__":
    DOCUMENT.write_text(written_anew(DOCUMENT.read_text()))
    sys.exit(0)

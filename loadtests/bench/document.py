"""`python -m loadtests.bench.document`: put what was measured into the tables of docs/performance.md.

A table is the block of code after a line `<!-- NAME -->`.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from .comparison import comparison_lines
from .growth import size_lines, stored_lines
from .peer_rows import PEER_ROWS
from .results import Growth, Report
from .table import table

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = DOCS / "performance.md"
FOLDER = DOCS / "performance"


def tables(folder: Path = FOLDER) -> dict[str, Sequence[str]]:
    """The lines of each table, by its name, from bench.json and growth.json."""
    report = msgspec.json.decode((folder / "bench.json").read_bytes(), type=Report)
    growth = msgspec.json.decode((folder / "growth.json").read_bytes(), type=Growth)
    missing = [f"{name} is missing: {why}." for name, why in (report.skipped | growth.missing).items()]
    return {
        "comparison": [*comparison_lines(report.comparison), *missing],
        "table": table([line for line in report.lines if line.row not in PEER_ROWS]),
        "sizes": size_lines(growth),
        "stored": stored_lines(growth),
    }


def filled(text: str, lines: Mapping[str, Sequence[str]]) -> str:
    """The same document with these tables.

    Raises:
        ValueError: the document lacks one.
    """
    for name, rows in lines.items():
        block = re.compile(rf"(<!-- {re.escape(name)} -->\n```\n).*?(```\n)", re.DOTALL)
        body = "".join(f"{row}\n" for row in rows).lstrip("\n")
        text, found = block.subn(lambda match, body=body: f"{match[1]}{body}{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"the document has {found} tables named {name}")
    return text


def main() -> int:
    """Write the document anew."""
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), tables()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

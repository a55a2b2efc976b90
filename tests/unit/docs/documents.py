"""The documents, and what is in them."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.unit.docs.code import ROOT


class Document(NamedTuple):
    """A file of prose."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Where it is, for the name of a test."""
        return str(self.path.relative_to(ROOT))

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.DOTALL | re.MULTILINE)

    @property
    def spans(self) -> list[str]:
        """What stands between backticks."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    @property
    def commands(self) -> list[str]:
        """The lines of its shell blocks."""
        blocks = re.findall(r"^```sh\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]

    @property
    def anchors(self) -> set[str]:
        """Where one can link to inside, as forges make them of headings."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one of the same or a higher level."""
    level = len(heading) - len(heading.lstrip("#"))
    return re.split(rf"^#{{1,{level}}} ", text.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the rows of the tables in a text, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = [index for index, row in enumerate(cells) if set("".join(row)) <= set("- ")]
    return [row for index, row in enumerate(cells) if index not in rules and index + 1 not in rules]


def codes(cell: str) -> list[str]:
    """What stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def documents() -> list[Document]:
    """Every Markdown file that is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split() if listed.returncode == 0 else _found()
    return [Document(ROOT / name, (ROOT / name).read_text()) for name in sorted(names) if (ROOT / name).exists()]


def _found() -> list[str]:
    """Without git: what is in the folders."""
    hidden = re.compile(r"(^|/)(\.|build|dist|node_modules)")
    return [name for path in ROOT.rglob("*.md") if not hidden.search(name := str(path.relative_to(ROOT)))]

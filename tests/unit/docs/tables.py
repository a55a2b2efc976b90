"""The generated tables of docs/operations.md; `python -m tests.unit.docs.tables` writes them anew.

The last column of a setting is written by hand and kept. That of a new one is the comment beside it in the code.
"""

import re
import sys
from collections.abc import Callable

from tests.unit.docs import code

DOCUMENT = code.ROOT / "docs" / "operations.md"
_BLOCK = re.compile(r"(<!-- (settings|metrics): (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def settings_table(group: str, before: str) -> str:
    """The settings of a group.

    Arguments:
        group: see code.settings.
        before: the table as it is, for what its last column says.
    """
    meanings = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", before, re.MULTILINE))
    lines = ["| variable | default | |", "| --- | --- | --- |"]
    for setting in code.settings(group):
        default = setting.default if setting.default in ("", "none") else f"`{setting.default}`"
        lines.append(f"| `{setting.name}` | {default} | {meanings.get(setting.name, setting.comment)} |")
    return "\n".join(lines) + "\n"


def metrics_table(package: str, before: str) -> str:
    """The metrics of a package; nothing in it is written by hand."""
    del before
    lines = ["| metric | kind | labels | |", "| --- | --- | --- | --- |"]
    lines += [f"| `{m.name}` | {m.kind} | {m.labels} | {m.meaning} |" for m in code.metrics(package)]
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[str, str], str]] = {"settings": settings_table, "metrics": metrics_table}


def written_anew(text: str) -> str:
    """The document with its tables as the code has them now."""
    return _BLOCK.sub(lambda block: block[1] + TABLES[block[2]](block[3], block[4]) + block[5], text)


if __name__ == "__main__":
    DOCUMENT.write_text(written_anew(DOCUMENT.read_text()))
    sys.exit(0)

"""The generated tables of docs and README.md; `python -m tests.unit.docs.tables` writes them anew.

The last column of a setting is written by hand and kept. That of a new one is the comment beside it in the code.
"""

import json
import re
import sys
from collections.abc import Callable

from chat_service.realtime.codes import CloseCode, ErrorCode
from gateway_service import problem_codes
from tests.unit.docs import code

DOCUMENT = code.ROOT / "docs" / "operations.md"
PROTOCOL = code.ROOT / "docs" / "protocol.md"
README = code.ROOT / "README.md"
MEASURED = code.ROOT / "docs" / "performance" / "bench.json"
_BLOCK = re.compile(r"(<!-- (settings|metrics|codes|comparison): (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


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


def codes_table(kind: str, before: str) -> str:
    """The codes of `problems`, of error `frames`, or of `closes`; nothing in it is written by hand."""
    del before
    if kind == "problems":
        lines = ["| status | code | |", "| --- | --- | --- |"]
        for row in problem_codes.TABLE:
            names = " ".join(f"`{name}`" for name in row.codes)
            lines.append(f"| {' '.join(map(str, row.statuses))} | {names} | {row.meaning} |".replace("  |", " |"))
    elif kind == "frames":
        lines = ["| code | meaning |", "| --- | --- |"]
        lines += [f"| `{one.value}` | {one.meaning} |" for one in ErrorCode]
    else:
        lines = ["| code | meaning | what a client does |", "| --- | --- | --- |"]
        lines += [f"| {int(one)} | {one.meaning} | {one.advice.value} |" for one in CloseCode]
    return "\n".join(lines) + "\n"


SERVERS = {
    "parley": "Parley",
    "socketio": "Socket.IO on Node, with its Redis adapter and an INSERT per message",
    "python-socketio": "python-socketio, with its Redis manager",
    "channels": "Django Channels, with its Redis layer",
}


def comparison_table(name: str, before: str) -> str:
    """What was measured beside peers, as docs/performance.md has it; nothing in it is written by hand."""
    del name, before
    lines = [
        "| | µs of CPU per delivery, large room | µs of CPU per message, rooms of two | KiB per socket |",
        "| --- | --- | --- | --- |",
    ]
    measured = {(one["load"], one["server"]): one for one in json.loads(MEASURED.read_text())["comparison"]}
    for server, shown in SERVERS.items():
        room, pairs = measured["room-w16", server], measured["pairs", server]
        numbers = (
            f"{room['cpu_us_per_delivery']:.1f}",
            f"{pairs['cpu_us_per_message']:.0f}",
            f"{pairs['idle_kib_per_socket']:.0f}",
        )
        lines.append(f"| {shown} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[str, str], str]] = {
    "settings": settings_table,
    "metrics": metrics_table,
    "codes": codes_table,
    "comparison": comparison_table,
}


def written_anew(text: str) -> str:
    """The document with its tables as the code has them now."""
    return _BLOCK.sub(lambda block: block[1] + TABLES[block[2]](block[3], block[4]) + block[5], text)


if __name__ == "__main__":
    for document in (DOCUMENT, PROTOCOL, README):
        document.write_text(written_anew(document.read_text()))
    sys.exit(0)

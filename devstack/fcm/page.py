"""What was delivered, for people."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notifications</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }}
td.token {{ font-family: monospace; overflow-wrap: anywhere; max-width: 14rem }}
@media (prefers-color-scheme: dark) {{ body {{ background: #181818; color: #ddd }} th, td {{ border-color: #444 }} }}
</style>
<h1>Notifications</h1>
<p>What devices would have shown, the latest first. This plays Firebase Cloud Messaging: nothing was sent anywhere.</p>
<p>{counts}</p>
<table>
<tr><th>time</th><th>device</th><th>notification</th><th>data</th></tr>
{rows}
</table>
</html>
"""
_ROW = (
    '<tr><td>{time}</td><td class="token">{token}</td><td><strong>{title}</strong><br>{body}</td><td>{data}</td></tr>'
)


def page_of(counts: Mapping[str, int], deliveries: Sequence[dict[str, Any]]) -> bytes:
    """The page; everything in it that somebody wrote is escaped."""
    rows = []
    for delivery in reversed(deliveries):
        shown = delivery["message"].get("notification") or {}
        moment = datetime.fromtimestamp(delivery["received_at"], UTC).strftime("%H:%M:%S")
        words = {
            "time": moment if delivery["answered"] else f"{moment} (answer lost)",
            "token": delivery["token"],
            "title": shown.get("title", ""),
            "body": shown.get("body", ""),
            "data": ", ".join(f"{name}: {value}" for name, value in delivery["message"].get("data", {}).items()),
        }
        rows.append(_ROW.format(**{name: escape(text) for name, text in words.items()}))
    said = " · ".join(f"{name.replace('_', ' ')}: {count}" for name, count in sorted(counts.items())) or "nothing yet"
    return _PAGE.format(counts=escape(said), rows="\n".join(rows)).encode()

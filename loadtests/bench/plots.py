"""`python -m loadtests.bench.plots FOLDER`: the plots of FOLDER/growth.json, as SVG written by hand."""

import math
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import msgspec

from .results import Growth

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 48, 52
COLOURS = ("#0b62c4", "#c2410c", "#15803d", "#7e22ce", "#52525b")
TITLES = {
    "parley": "Parley",
    "socketio": "Socket.IO + Postgres",
    "python-socketio": "python-socketio",
    "channels": "Django Channels",
}
LABEL_GAP = 15  # between the labels at the ends of lines, in pixels

Points = Sequence[tuple[float, float]]


def chart(title: str, x_label: str, y_label: str, series: Mapping[str, Points], *, log_y: bool) -> str:
    """Lines over a logarithmic x axis, each with its name at its end.

    Arguments:
        log_y: otherwise y is linear and begins at 0.
    """
    xs = sorted({x for points in series.values() for x, _ in points})
    ys = [y for points in series.values() for _, y in points]
    ticks = decades(min(ys), max(ys)) if log_y else steps(max(ys))
    low, high = ticks[0], ticks[-1]

    def place_x(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / xs[0]) / (math.log(xs[-1] / xs[0]) or 1)

    def place_y(y: float) -> float:
        share = math.log(y / low) / math.log(high / low) if log_y else (y - low) / (high - low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=15, weight="bold"),
        _text(LEFT, 40, y_label, fill="#52525b"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label, anchor="middle", fill="#52525b"),
    ]
    for tick in ticks:
        y = place_y(tick)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e7"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{tick:,g}", anchor="end"))
    for x in xs:
        parts.append(f'<path d="M{place_x(x):.1f} {HEIGHT - BOTTOM}v5" stroke="#52525b"/>')
        parts.append(_text(place_x(x), HEIGHT - BOTTOM + 19, f"{x:,.0f}", anchor="middle"))
    ends = {name: place_y(points[-1][1]) for name, points in series.items()}
    labels = apart(ends, LABEL_GAP)
    for (name, points), colour in zip(series.items(), COLOURS, strict=False):
        path = "L".join(f"{place_x(x):.1f} {place_y(y):.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in points:
            dot = f'cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3.5" fill="{colour}"'
            parts.append(f"<circle {dot}><title>{escape(name)}: {y:,g}</title></circle>")
        last = points[-1][1]
        label = f"{name}  {last:,.0f}" if last >= 1000 else f"{name}  {last:,.3g}"
        parts.append(_text(place_x(points[-1][0]) + 10, labels[name] + 4, label, fill=colour))
    return "\n".join([*parts, "</svg>", ""])


def decades(low: float, high: float) -> list[float]:
    """The powers of ten around what lies between `low` and `high`, both more than 0."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def steps(high: float) -> list[float]:
    """From 0 to at least `high` in four to eight round steps."""
    unit = 10.0 ** math.floor(math.log10(high)) if high > 0 else 1.0
    step = next(unit * part for part in (0.2, 0.25, 0.5, 1, 2) if unit * part * 8 >= high)
    return [step * n for n in range(math.ceil(high / step - 1e-9) + 1)]


def apart(places: Mapping[str, float], gap: float) -> dict[str, float]:
    """The same places in the same order, moved down until no two are closer than `gap`."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        last = moved[name] = max(place, last + gap)
    return moved


def draw(growth: Growth, folder: Path) -> list[Path]:
    """Write the plots; returns their files."""
    sizes: dict[str, list[tuple[float, float]]] = {}
    for of in growth.sizes:
        sizes.setdefault(TITLES.get(of.server, of.server), []).append((of.members, of.cpu_us_per_delivery))
    stored = growth.stored
    drawn = {
        "room-size.svg": chart(
            "CPU of the server per delivered message, 16 in flight",
            "members of the room",
            "µs",
            sizes,
            log_y=True,
        ),
        "stored-messages.svg": chart(
            "CPU per message sent, room of two, 16 in flight",
            "messages stored in the room",
            "µs",
            {
                "chat pod": [(at.messages, at.pod_us_per_message) for at in stored],
                "its Postgres backends": [(at.messages, at.postgres_us_per_message) for at in stored],
            },
            log_y=False,
        ),
        "history-pages.svg": chart(
            "Buffers touched by a page of 50 messages",
            "messages stored in the room",
            "buffers of 8 KiB",
            {
                "newest page": [(at.messages, at.buffers_newest) for at in stored],
                "in the middle": [(at.messages, at.buffers_middle) for at in stored],
                "oldest page": [(at.messages, at.buffers_oldest) for at in stored],
            },
            log_y=False,
        ),
    }
    for name, svg in drawn.items():
        (folder / name).write_text(svg)
    return [folder / name for name in drawn]


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    fill: str = "#18181b",
    size: int = 12,
    weight: str = "normal",
) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="{fill}" font-size="{size}" font-weight="{weight}">{escape(words)}</text>'


def main() -> int:
    """Draw what was measured."""
    if len(sys.argv) != 2:
        print("usage: python -m loadtests.bench.plots FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    growth = msgspec.json.decode((folder / "growth.json").read_bytes(), type=Growth)
    for file in draw(growth, folder):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())

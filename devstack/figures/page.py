"""The page: HTML without script that loads itself again. Pure."""

from collections.abc import Sequence
from html import escape

from .reading import Figure

AGAIN_SECONDS = 2
WIDTH, HEIGHT = 240, 40
CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{again}"><title>Figures</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 16px/1.4 system-ui; max-width: 60rem; margin: 2rem auto;
padding: 0 1rem }} dl {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1.5rem }}
dt {{ opacity: .75 }} dd {{ margin: 0 }} b {{ font-size: 1.5rem; font-variant-numeric: tabular-nums }}
svg {{ display: block; width: 100%; height: {height}px; color: #2f8f76 }}</style></head>
<body><h1>Figures</h1><p>The last {minutes} minutes of all services together, the newest on the right.</p>
<dl>{figures}</dl></body></html>"""


def sparkline(values: Sequence[float], places: int, name: str) -> str:
    """A line of the values, the newest at the right; the lowest edge is 0.

    Arguments:
        places: how many values fill the width.
        name: what it shows, for those who cannot see it.
    """
    top = max([*values, 1e-9])
    step = WIDTH / max(1, places - 1)
    points = " ".join(
        f"{WIDTH - step * (len(values) - 1 - place):.1f},{HEIGHT - 2 - (HEIGHT - 4) * value / top:.1f}"
        for place, value in enumerate(values)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(name)}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2" '
        f'vector-effect="non-scaling-stroke"/></svg>'
    )


def shown(value: float) -> str:
    """A number as a person wants it."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"


def page(figures: Sequence[Figure], history: Sequence[Sequence[float]], places: int, seconds: float) -> str:
    """The whole page.

    Arguments:
        history: for each moment, the value of each figure.
        places: how many moments are kept.
        seconds: between two of them.
    """
    parts = []
    for column, figure in enumerate(figures):
        values = [moment[column] for moment in history]
        now = f"{shown(values[-1])} {escape(figure.unit)}" if values else "…"
        highest = f"at most {shown(max(values))}" if values else ""
        line = sparkline(values, places, f"{figure.title}, {highest}")
        parts.append(f"<div><dt>{escape(figure.title)}</dt><dd><b>{now}</b> {highest}{line}</dd></div>")
    return PAGE.format(again=AGAIN_SECONDS, height=HEIGHT, minutes=round(places * seconds / 60), figures="".join(parts))

"""The run as one SVG: a small panel for each series, zero at the bottom, so that flat looks flat.

The page's readers have light or dark screens, so the picture follows theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.soak.judge import WARM_UP, Points, Verdict, sliced

COLUMNS, WIDTH, PANEL, HEIGHT, GAP = 4, 1000, 240, 104, 18
DOTS = 160
PALE = 'class="pale"'
STYLE = """<style>
.paper{fill:#ffffff}.ink{fill:#0f172a}.pale{fill:#475569}.base{stroke:#cbd5e1}
.warm{fill:#f1f5f9}.line{stroke:#0f766e}.shown{stroke:#64748b}.bad{stroke:#b91c1c}.fault{fill:#b91c1c}
@media (prefers-color-scheme: dark){
.paper{fill:#0f172a}.ink{fill:#f1f5f9}.pale{fill:#94a3b8}.base{stroke:#334155}
.warm{fill:#1e293b}.line{stroke:#2dd4bf}.shown{stroke:#94a3b8}.bad{stroke:#f87171}
.fault{fill:#f87171}}
</style>"""


def draw(verdicts: Sequence[Verdict], seconds: float) -> str:
    """The whole picture; what should have been measured and was not has an empty panel."""
    shown = [one for one in verdicts if len(one.points) > 1 or one.flat is False]
    rows = -(-len(shown) // COLUMNS)
    height = rows * (HEIGHT + GAP) + GAP
    box = f'viewBox="0 0 {WIDTH} {height}" role="img"'
    font = 'font-family="system-ui, sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>',
        "<title>What was measured, over time</title>",
        STYLE,
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for number, verdict in enumerate(shown):
        x = GAP / 2 + number % COLUMNS * (PANEL + GAP / 2)
        y = GAP + number // COLUMNS * (HEIGHT + GAP)
        parts.append(_panel(verdict, seconds, x, y))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(verdict: Verdict, seconds: float, x: float, y: float) -> str:
    top, bottom = y + 30, y + HEIGHT - 14
    most = max((value for _, value in verdict.points), default=0.0) * 1.1 or 1.0
    points = _thinned(verdict, seconds)
    path = " ".join(
        f"{x + PANEL * min(1.0, at / seconds):.1f},{bottom - (bottom - top) * value / most:.1f}"
        for at, value in points
    )
    kind = {True: "line", False: "bad", None: "shown"}[verdict.flat]
    unit = f" {verdict.series.unit}" if verdict.series.unit else ""
    shown = f"{number(verdict.last)}{unit}, " if verdict.points else ""
    style = 'class="fault"' if verdict.flat is False else PALE
    box = f'x="{x:.1f}" y="{top}" width="{PANEL * WARM_UP:.1f}" height="{bottom - top}"'
    ground = f'x1="{x:.1f}" y1="{bottom}" x2="{x + PANEL:.1f}" y2="{bottom}"'
    return "\n".join(
        (
            f'<rect class="warm" {box}/>',
            _text(x, y + 8, verdict.series.title, 'class="ink" font-weight="600"'),
            _text(x, y + 23, shown + word(verdict), style),
            _text(x + PANEL, top - 7, f"top: {number(most)}", f'{PALE} text-anchor="end"'),
            f'<line class="base" {ground}/>',
            f'<polyline class="{kind}" fill="none" stroke-width="1.5" points="{path}"/>',
            _text(x, bottom + 12, "0"),
            _text(x + PANEL, bottom + 12, f"{seconds / 60:.3g} min", f'{PALE} text-anchor="end"'),
        )
    )


def _text(x: float, y: float, text: str, style: str = PALE) -> str:
    return f'<text x="{x:.1f}" y="{y}" {style}>{escape(text)}</text>'


def _thinned(verdict: Verdict, seconds: float) -> Points:
    points = verdict.points
    return points if len(points) <= DOTS else sliced(points, 0.0, seconds, DOTS, verdict.series.of)


def word(verdict: Verdict) -> str:
    """The verdict in a word."""
    if verdict.flat is None:
        return "not judged"
    if not verdict.measured:
        return "not measured"
    return "flat" if verdict.flat else "not flat"


def number(value: float) -> str:
    """As many digits as say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"

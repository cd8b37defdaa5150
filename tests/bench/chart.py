"""The run as one SVG: four panels of bars, ours in colour, each with the value at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.bench import Bench
from tests.bench.measure_backlog import CLAIMS
from tests.bench.measure_commits import BESIDE, NETWORK
from tests.bench.report import backlogs, figures
from tests.bench.systems import FLOOR, OURS

WIDTH, PANEL = 980, 480
LABEL, BAR, GAP, HEAD = 190, 14, 8, 52
OURS_COLOUR, PEER_COLOUR, BASE_COLOUR = "#0f766e", "#94a3b8", "#cbd5e1"
INK, PALE = "#0f172a", "#475569"


@dataclass(frozen=True)
class Bars:
    """better: which way is good. bars: title, value, colour."""

    title: str
    better: str
    bars: Sequence[tuple[str, float, str]]

    @property
    def height(self) -> int:
        return HEAD + len(self.bars) * (BAR + GAP) + GAP


def draw(bench: Bench) -> str:
    """The whole picture; panels without values are left out."""
    panels = [_throughput(bench), _latency(bench), _commits(bench), _backlog(bench)]
    panels = [panel for panel in panels if panel.bars]
    parts, top = [], 16
    for left, right in zip(panels[::2], [*panels[1::2], None], strict=False):
        parts.append(_panel(left, 16, top))
        if right is not None:
            parts.append(_panel(right, 16 + PANEL, top))
        top += max(left.height, right.height if right else 0) + 16
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}"'
        f' height="{top}" font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>'
    )
    return head + "".join(parts) + "</svg>\n"


def _panel(panel: Bars, x: int, y: int) -> str:
    most = max(value for _, value, _ in panel.bars) or 1.0
    room = PANEL - LABEL - 90
    lines = [
        _text(x, y + 16, panel.title, 'font-size="15" font-weight="600"'),
        _text(x, y + 33, panel.better, colour=PALE),
    ]
    top = y + HEAD
    for title, value, colour in panel.bars:
        width = max(1.0, room * value / most)
        weight = 'font-weight="600"' if colour == OURS_COLOUR else ""
        bar = f'x="{x + LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2"'
        lines += [
            _text(x + LABEL - 8, top + 11, title, f'text-anchor="end" {weight}'),
            f'<rect {bar} fill="{colour}"/>',
            _text(x + LABEL + width + 6, top + 11, _shown(value), colour=PALE),
        ]
        top += BAR + GAP
    return "".join(lines)


def _text(x: float, y: float, text: str, style: str = "", *, colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}" {style}>{escape(text)}</text>'


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _colour(name: str) -> str:
    if name.startswith(OURS) or name == BESIDE:
        return OURS_COLOUR
    return BASE_COLOUR if name in {FLOOR, "none", "table"} else PEER_COLOUR


def _throughput(bench: Bench) -> Bars:
    return Bars(
        "Durable throughput",
        "jobs per second, more is better",
        _of_systems(bench, "throughput", "{}"),
    )


def _latency(bench: Bench) -> Bars:
    bars = _of_systems(bench, "latency", "{} p50")
    return Bars("From insert to start, p50", "milliseconds, less is better", bars)


def _commits(bench: Bench) -> Bars:
    clients, flush = bench.sizes.commit_clients[-1], bench.sizes.flush_ms
    bars = [
        (title.removesuffix(", its worker off"), value, _colour(figure))
        for figure, title in figures(bench)
        if (value := bench.get("commits", f"{figure} {NETWORK}")) is not None
    ]
    return Bars(
        "The main app's inserts",
        f"commits per second, {clients} clients, {flush} ms a flush, more is better",
        bars,
    )


def _backlog(bench: Bench) -> Bars:
    bars = []
    first, last = backlogs(bench)[0], backlogs(bench)[-2]
    for name in CLAIMS:
        for label, title in (first, last):
            value = bench.get("backlog", f"{name} {label}")
            if value is not None:
                short = title.removesuffix(" pending")
                bars.append((f"{bench.named(name).title}, {short}", value, _colour(name)))
    return Bars("One claim, by backlog", "milliseconds, p50, less is better", bars)


def _of_systems(bench: Bench, section: str, figure: str) -> list[tuple[str, float, str]]:
    found = []
    for system in bench.systems:
        value = bench.get(section, figure.format(system.name))
        if value is not None:
            title = "floor" if system.name == FLOOR else system.title
            found.append((title, value, _colour(system.name)))
    return found

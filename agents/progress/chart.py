"""A small picture: what was measured, what is believed, and where it may go.

Plain SVG without scripts, links or fonts to load; colours follow the reader's light or dark theme.
All text is escaped, and only numbers, dates and our own words are in it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from agents.progress.forecast import Forecast
from agents.progress.series import Series, in_unit

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 30, 30
_MOST_DOTS = 240
_LONGEST_DAYS, _SHORTEST_DAYS = 364, 84
_EPOCH = dt.date(1970, 1, 1)
_ROOT = "ai-progress"
_LIGHT = {
    "text": "font:12px system-ui,sans-serif;fill:#374151",
    ".grid": "stroke:#e5e7eb",
    ".dot": "fill:#6b7280",
    ".odd": "fill:none;stroke:#9ca3af",
    ".line": "fill:none;stroke:#2563eb;stroke-width:2",
    ".next": "fill:none;stroke:#2563eb;stroke-width:2;stroke-dasharray:5 4",
    ".band": "fill:#2563eb;opacity:.16",
    ".goal": "stroke:#059669;stroke-width:1.5;stroke-dasharray:2 3",
}
_DARK = {
    "text": "fill:#d1d5db",
    ".grid": "stroke:#374151",
    ".dot": "fill:#9ca3af",
    ".line": "stroke:#60a5fa",
    ".next": "stroke:#60a5fa",
    ".band": "fill:#60a5fa",
    ".goal": "stroke:#34d399",
}


def _rules(rules: Mapping[str, str]) -> str:
    # A style inside an inline picture holds for the whole page: each rule names our root.
    return "".join(f".{_ROOT} {name}{{{rule}}}" for name, rule in rules.items())


_STYLE = f"{_rules(_LIGHT)}@media(prefers-color-scheme:dark){{{_rules(_DARK)}}}"


@dataclass(frozen=True, slots=True)
class _Frame:
    first: float
    last: float
    low: float
    high: float

    def x(self, day: float) -> str:
        share = (day - self.first) / max(self.last - self.first, 1.0)
        return f"{_LEFT + share * (WIDTH - _LEFT - _RIGHT):.1f}"

    def y(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        return f"{HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM):.1f}"

    def path(self, days: Sequence[float] | Floats, values: Sequence[float] | Floats) -> str:
        return " ".join(f"{self.x(d)},{self.y(v)}" for d, v in zip(days, values, strict=True))


def draw(series: Series, item: Forecast | None, today: int, unit: str | None = None) -> str:
    """The SVG of a series with at least one day. item: its forecast, if there is one. unit: what
    the client thinks in, None for the metric's own."""
    unit = unit or series.metric.unit
    factor = in_unit(series.metric, 1.0, unit) if unit != series.metric.unit else 1.0
    found = item.trend if item is not None else None
    target = item.goal.target if item is not None else None
    ahead, band = np.array([]), np.empty((3, 0))
    if item is not None and found is not None:
        far = item.days[2] or item.days[1] or 182
        days = min(max(far + 14, _SHORTEST_DAYS), _LONGEST_DAYS)
        band = np.quantile(found.paths[:, : days // 7 + 1], [0.1, 0.5, 0.9], axis=0)
        ahead = today + 7.0 * np.arange(band.shape[1])
    frame = _frame(series, ahead, band, target, today)
    parts = [*_grid(frame, factor), *_history(frame, series)]
    if found is not None:
        parts.append(
            f'<polyline class="line" points="{frame.path(series.days, found.smoothed.levels)}"/>'
        )
    if len(ahead):
        edge = frame.path([*ahead, *ahead[::-1]], [*band[0], *band[2][::-1]])
        parts.append(f'<polygon class="band" points="{edge}"/>')
        parts.append(f'<polyline class="next" points="{frame.path(ahead, band[1])}"/>')
    if target is not None:
        y, label = frame.y(target), f"goal {round(target * factor, 1):g} {unit}"
        parts.append(f'<line class="goal" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT + 6}" y="{float(y) - 5:.1f}">{escape(label)}</text>')
    name = f"{series.metric.title} in {unit}"
    return _document(name, "".join(parts), forecast=bool(len(ahead)))


def _document(name: str, body: str, *, forecast: bool) -> str:
    more = ", with the trend and the range that holds 80 % of its futures" if forecast else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{_ROOT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(name + " over time" + more)}">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style>"
        f'<text x="{_LEFT}" y="18">{escape(name)}</text>{body}</svg>'
    )


def _frame(
    series: Series, ahead: Floats, band: Floats, target: float | None, today: int
) -> _Frame:
    values = [*series.values, *band.ravel()]
    if target is not None:
        values.append(target)
    low, high = float(min(values)), float(max(values))
    room = max((high - low) * 0.08, 0.5)
    last = float(ahead[-1]) if len(ahead) else float(max(today, series.days[-1]))
    return _Frame(float(series.days[0]), max(last, series.days[0] + 7.0), low - room, high + room)


def _history(frame: _Frame, series: Series) -> list[str]:
    step = math.ceil(len(series.days) / _MOST_DOTS)
    dots = [
        f'<circle class="dot" r="2.2" cx="{frame.x(day)}" cy="{frame.y(value)}"/>'
        for day, value in zip(series.days[::step], series.values[::step], strict=True)
    ]
    dots += [
        f'<circle class="odd" r="3" cx="{frame.x(day)}" cy="{frame.y(value)}"/>'
        for day, value, _ in series.outliers[:40]
        if frame.low <= value <= frame.high and frame.first <= day <= frame.last
    ]
    return dots


def _grid(frame: _Frame, factor: float) -> list[str]:
    """factor: what one of the metric's unit is in the unit of the labels."""
    found = []
    step = _step((frame.high - frame.low) * factor)
    value = math.ceil(frame.low * factor / step) * step
    while value <= frame.high * factor:
        y = frame.y(value / factor)
        found.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        found.append(
            f'<text x="{_LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
        value += step
    days = frame.last - frame.first
    for index in range(5):
        day = frame.first + days * index / 4
        date = _EPOCH + dt.timedelta(days=int(day))
        anchor = "start" if index == 0 else "end" if index == 4 else "middle"
        found.append(
            f'<text x="{frame.x(day)}" y="{HEIGHT - 10}" text-anchor="{anchor}">'
            f"{date.isoformat()}</text>"
        )
    return found


def _step(span: float) -> float:
    rough = span / 4
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)

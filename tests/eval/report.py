"""The evaluation's page: a table for each agent, the named situations, and a picture."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

INK, MUTED, OURS, OTHERS, LIMIT = "#1f2430", "#6a7080", "#2f6fde", "#b9bfca", "#c2410c"
FONT = "system-ui, sans-serif"
WIDTH, LABEL, BAR, ROW = 760, 250, 400, 26


@dataclass(frozen=True, slots=True)
class Line:
    """A metric: what was measured, what is wanted ("" where nothing is), whether it is met."""

    metric: str
    value: float
    target: str = ""
    met: bool = True

    @classmethod
    def least(cls, metric: str, value: float, limit: float) -> Line:
        """A metric that has to reach `limit`."""
        return cls(metric, value, f">= {limit:g}", value >= limit)

    @classmethod
    def most(cls, metric: str, value: float, limit: float) -> Line:
        """A metric that must not exceed `limit`."""
        return cls(metric, value, f"<= {limit:g}", value <= limit)

    @property
    def mark(self) -> str:
        """✓ or ✗; nothing where there is no target."""
        return ("✓" if self.met else "✗") if self.target else ""

    def json(self) -> dict[str, object]:
        """The line as plain JSON; null for a value that is no number."""
        value = self.value if math.isfinite(self.value) else None
        return {"metric": self.metric, "value": value, "target": self.target, "met": self.met}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a picture. ours: the agent's own."""

    label: str
    value: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with a common unit; limit: where the target lies."""

    title: str
    bars: Sequence[Bar]
    limit: float | None = None


@dataclass(slots=True)
class Section:
    """A part of the evaluation. note: what was done, in a sentence or two."""

    title: str
    note: str
    lines: list[Line]
    charts: list[Chart] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    """Further rows of a table of texts, its head first."""

    @property
    def missed(self) -> list[Line]:
        """The targets that are missed."""
        return [line for line in self.lines if not line.met]


def page(sections: Sequence[Section], facts: str, picture: str) -> str:
    """The whole page in Markdown. facts: when and where; picture: the image's file name."""
    return "\n".join(_page(sections, facts, picture)) + "\n"


def _page(sections: Sequence[Section], facts: str, picture: str) -> Iterator[str]:
    missed = [line for section in sections for line in section.missed]
    targets = sum(bool(line.target) for section in sections for line in section.lines)
    yield "# Evaluation of the agents"
    yield ""
    yield f"Written by `make eval`: {facts}."
    yield (
        f"{targets - len(missed)} of {targets} targets are met. The simulators compare methods"
        " under a known truth; they promise no client a date. Limits on training volume are"
        " conventions, and condition rules are filters, not medical advice."
    )
    yield ""
    yield f"![The agents beside simpler methods]({picture})"
    for section in sections:
        yield from ["", f"## {section.title}", "", section.note, ""]
        yield from _table(
            [
                ("metric", "measured", "target", ""),
                *((x.metric, shown(x.value), x.target, x.mark) for x in section.lines),
            ]
        )
        if section.rows:
            yield ""
            yield from _table(section.rows)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
        if number == 0:
            yield f"|{'---|' * len(row)}"


def shown(value: float) -> str:
    """A value with as many digits as mean something."""
    if not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 10_000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def draw(charts: Sequence[Chart]) -> str:
    """All charts below each other, as one SVG that reads on light and dark pages."""
    height = 20 + sum(58 + ROW * len(chart.bars) for chart in charts)
    box = f'viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" font-size="13" role="img"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
    ]
    top = 34
    for chart in charts:
        parts += _chart(chart, top)
        top += 58 + ROW * len(chart.bars)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _chart(chart: Chart, top: int) -> Iterator[str]:
    most = max([bar.value for bar in chart.bars] + [chart.limit or 0.0]) or 1.0
    title = html.escape(chart.title)
    yield f'<text x="20" y="{top}" font-weight="600" fill="{INK}">{title}</text>'
    for number, bar in enumerate(chart.bars):
        y = top + 12 + ROW * number
        width = BAR * bar.value / most
        yield (
            f'<text x="{LABEL}" y="{y + 15}" text-anchor="end" fill="{INK}">'
            f"{html.escape(bar.label)}</text>"
        )
        yield (
            f'<rect x="{LABEL + 10}" y="{y + 3}" width="{width:.1f}" height="16" rx="2" '
            f'fill="{OURS if bar.ours else OTHERS}"/>'
        )
        yield (
            f'<text x="{LABEL + 16 + width:.1f}" y="{y + 15}" fill="{MUTED}">{shown(bar.value)}'
            "</text>"
        )
    if chart.limit is not None:
        x = LABEL + 10 + BAR * chart.limit / most
        bottom = top + 12 + ROW * len(chart.bars)
        yield (
            f'<path d="M{x:.1f} {top + 10}V{bottom}" stroke="{LIMIT}" stroke-dasharray="4 3" '
            'fill="none"/>'
        )
        yield (
            f'<text x="{x:.1f}" y="{bottom + 13}" text-anchor="middle" font-size="11" '
            f'fill="{LIMIT}">target {shown(chart.limit)}</text>'
        )

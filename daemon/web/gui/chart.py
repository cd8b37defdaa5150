"""Charts as plain SVG: no script, no style attribute, readable by screen readers.

The only module that hands ready markup to a template. Every label is escaped here; positions are
numbers we computed. Colours are classes of the stylesheet (``c0`` to ``c5``), so that light and
dark follow the page and the content security policy has nothing to forbid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDE, NARROW, HEIGHT = 880, 430, 150
LEFT, RIGHT, TOP, BOTTOM = 60, 6, 8, 22
COLOURS = 6

Label = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A named series, one value per position of the axis; None leaves a gap.

    tone: a colour class of its own (``ok``, ``bad``, ``warn``), else the place in the chart.
    """

    name: str
    values: Sequence[float | None]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """The positions: one label each, and where a bar leads. width: of the drawing, so that its
    letters keep their size in a narrow column."""

    labels: Sequence[str]
    links: Sequence[str] = ()
    width: int = WIDE


def plain(value: float) -> str:
    """All digits of a whole number; six of another."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def bars(axis: Axis, lines: Sequence[Line], sentence: str, label: Label = plain) -> Markup:
    """Stacked columns. A column with a link leads to what it stands for."""
    totals = [
        sum(line.values[index] or 0.0 for line in lines) for index in range(len(axis.labels))
    ]
    top = nice_top(max(totals, default=0.0))
    step = (axis.width - LEFT - RIGHT) / max(1, len(axis.labels))
    wide = max(1.0, step - (2.0 if step > 6 else 0.6))
    body = []
    for index, total in enumerate(totals):
        x, below = LEFT + index * step + (step - wide) / 2, 0.0
        column = []
        for place, line in enumerate(lines):
            value = line.values[index] or 0.0
            if value <= 0:
                continue
            y1, y0 = _y(below + value, top), _y(below, top)
            column.append(
                f'<rect class="{_tone(line, place)}" x="{_n(x)}" y="{_n(y1)}"'
                f' width="{_n(wide)}" height="{_n(max(0.6, y0 - y1))}"/>'
            )
            below += value
        if not column:
            continue
        told = ", ".join(
            f"{label(line.values[index] or 0)} {line.name}" for line in lines if line.values[index]
        )
        tip = f"<title>{escape(axis.labels[index])}: {escape(told)}</title>"
        inner = tip + "".join(column)
        link = axis.links[index] if index < len(axis.links) and total else ""
        body.append(f'<a href="{escape(link)}">{inner}</a>' if link else f"<g>{inner}</g>")
    return _frame(axis, top, sentence, label, "".join(body))


def curves(axis: Axis, lines: Sequence[Line], sentence: str, label: Label = plain) -> Markup:
    """Lines over the same positions, with a dot where a point stands alone."""
    top = nice_top(max((v for line in lines for v in line.values if v is not None), default=0.0))
    count = len(axis.labels)
    step = (axis.width - LEFT - RIGHT) / max(1, count)
    body = []
    for place, line in enumerate(lines):
        tone = _tone(line, place)
        for run in _runs(line.values):
            points = [(LEFT + (i + 0.5) * step, _y(v, top)) for i, v in run]
            if len(points) == 1:
                body.append(
                    f'<circle class="{tone}" cx="{points[0][0]:.1f}"'
                    f' cy="{points[0][1]:.1f}" r="2"/>'
                )
            else:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                body.append(f'<polyline class="line {tone}" points="{path}"/>')
    return _frame(axis, top, sentence, label, "".join(body))


def spark(values: Sequence[float | None], sentence: str, tone: str = "c0") -> Markup:
    """A small column chart without axes, for a table's cell."""
    top = max((v for v in values if v), default=0.0) or 1.0
    wide, tall = 96.0, 22.0
    step = wide / max(1, len(values))
    rects = "".join(
        f'<rect class="{tone}" x="{i * step:.1f}" y="{tall - max(1.0, v / top * tall):.1f}"'
        f' width="{max(1.0, step - 1):.1f}" height="{max(1.0, v / top * tall):.1f}"/>'
        for i, v in enumerate(values)
        if v
    )
    return Markup(
        '<svg class="spark" role="img" viewBox="0 0 96 22" aria-label="{}">'
        '<rect class="base" x="0" y="21" width="96" height="1"/>{}</svg>'
    ).format(sentence, Markup(rects))


def meter(parts: Sequence[tuple[float, str]], sentence: str) -> Markup:
    """A bar of shares: (share from 0 to 1, colour class), from the left."""
    x, rects = 0.0, ""
    for share, tone in parts:
        width = max(0.0, min(share, 1.0 - x)) * 100
        rects += f'<rect class="{tone}" x="{x * 100:.2f}" y="0" width="{width:.2f}" height="6"/>'
        x += width / 100
    return Markup(
        '<svg class="meter" role="img" viewBox="0 0 100 6" preserveAspectRatio="none"'
        ' aria-label="{}"><rect class="base" width="100" height="6"/>{}</svg>'
    ).format(sentence, Markup(rects))


def strip(states: Sequence[str], sentence: str) -> Markup:
    """A state per hour as a band, worse ones lower; '' is a gap. Equal neighbours are one."""
    tall = {"healthy": 14, "warning": 10, "critical": 6}
    pieces, start = "", 0
    for place in range(1, len(states) + 1):
        if place < len(states) and states[place] == states[start]:
            continue
        high = tall.get(states[start], 2)
        tone = {"healthy": "t-good", "warning": "t-warn", "critical": "t-bad"}.get(
            states[start], "base"
        )
        pieces += (
            f'<rect class="{tone}" x="{start * 6}" y="{14 - high}"'
            f' width="{(place - start) * 6 - 1}" height="{high}"/>'
        )
        start = place
    frame = '<svg class="strip" role="img" viewBox="0 0 {} 14" aria-label="{}">{}</svg>'
    return Markup(frame).format(len(states) * 6, sentence, Markup(pieces))


def legend(lines: Sequence[Line]) -> Markup:
    return Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(
            Markup('<li><i class="{}"></i>{}</li>').format(_tone(line, place), line.name)
            for place, line in enumerate(lines)
        )
    )


def nice_top(value: float) -> float:
    """The end of an axis: 1, 2, 2.5 or 5 times a power of ten, not below ``value``."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 2.0, 2.5, 5.0, 10.0)
    return next(step * size for step in steps if step * size >= value * 0.999)


def _frame(axis: Axis, top: float, sentence: str, label: Label, body: str) -> Markup:
    end = axis.width - RIGHT
    grid = "".join(
        f'<line x1="{LEFT}" x2="{end}" y1="{_y(v, top):.1f}" y2="{_y(v, top):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(v, top) + 3.5:.1f}" class="end">{escape(label(v))}</text>'
        for v in (0.0, top / 2, top)
    )
    count = len(axis.labels)
    step = (axis.width - LEFT - RIGHT) / max(1, count)
    every = max(1, math.ceil(count / (7 if axis.width == WIDE else 4)))
    ticks = "".join(
        f'<text x="{LEFT + (i + 0.5) * step:.1f}" y="{HEIGHT - 6}" class="mid">'
        f"{escape(axis.labels[i])}</text>"
        for i in range(0, count, every)
    )
    return Markup(
        '<svg class="chart" role="{}" viewBox="0 0 {} {}" aria-label="{}">'
        '<g class="grid" aria-hidden="true">{}{}</g>{}</svg>'
    ).format(
        "group" if axis.links else "img",
        axis.width,
        HEIGHT,
        sentence,
        Markup(grid),
        Markup(ticks),
        Markup(body),
    )


def _n(value: float) -> str:
    """A coordinate in as few letters as it takes."""
    return f"{value:.1f}".removesuffix(".0")


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _tone(line: Line, place: int) -> str:
    return line.tone or f"c{place % COLOURS}"


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches without a gap, each with its positions."""
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            if runs[-1]:
                runs.append([])
        else:
            runs[-1].append((index, value))
    return [run for run in runs if run]

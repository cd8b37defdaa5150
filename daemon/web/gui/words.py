"""Numbers and moments as people read them: the filters of the templates.

A function takes None wherever a column may hold NULL, and then gives a dash; so it does for NaN
and the infinities.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from daemon.store.moments import LAST

DASH = "–"
MANY = 10_000
"""Counts end here: one more row means "more than this many"."""

TONES = {
    "ok": "completed healthy ok active ready accepted applied resolved done on",
    "bad": "failed critical error lost refused firing",
    "run": "running started starting info",
    "look": "waiting warning degraded paused draining unknown retry snoozed",
    "open": "pending",
}
"""Shape and colour of a status, by its word; any other word is a plain dash."""
_TONE_OF = {word: tone for tone, listed in TONES.items() for word in listed.split()}
MODE_HINTS = {
    "full": "the model's words passed all checks",
    "deterministic": "no model was needed or configured",
    "degraded": "a model was wanted and not to be had",
}


def _finite(value: float | Decimal | str) -> bool:
    """False for NaN and the infinities, which the database takes and nobody means."""
    return math.isfinite(float(value))


def count(value: int | None, most: int = MANY) -> str:
    """A bounded count: ``1,234``, or ``10,000+`` where the bound was hit."""
    if value is None:
        return DASH
    return f"{most:,}+" if value > most else f"{value:,}"


def seconds(value: float | Decimal | None) -> str:
    """A duration: ``0.24 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 d 3 h``."""
    if value is None or not _finite(value):
        return DASH
    number = float(value)
    if number < 0.001:
        return "0 s"
    if number < 1:
        return f"{number * 1000:.0f} ms"
    if number < 10:
        return f"{number:.1f} s"
    whole = round(number)
    for unit, size, below, part in (
        ("d", 86_400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def about(value: float | None) -> str:
    """A duration in its largest unit, for the little room of an axis: ``17 min``."""
    if value is None or not _finite(value):
        return DASH
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s" if value >= 1 or not value else f"{value * 1000:.3g} ms"


def usd(value: float | Decimal | str | None, *, exact: bool = False) -> str:
    """US dollars: cents where they matter, and no zero for what costs a fraction of one."""
    if value is None or not _finite(value):
        return DASH
    number = Decimal(str(value))
    if exact:
        return f"${number:.6f}".rstrip("0").rstrip(".") if number else "$0"
    if number == 0:
        return "$0"
    if abs(number) < Decimal("0.0001"):
        return f"${number:.8f}".rstrip("0").rstrip(".")  # the columns hold no more digits
    if abs(number) < Decimal("0.01"):
        return f"${number:.4f}"
    return f"${number:,.2f}"


def percent(value: float | Decimal | None, digits: int = 0) -> str:
    """A share from 0 to 1 as per cent; never rounded up to 100."""
    if value is None or not _finite(value):
        return DASH
    number = float(value)
    if number < 1 and round(number * 100, digits) >= 100:
        return "> 99 %"
    return f"{number * 100:.{digits}f} %"


def number(value: float | Decimal | None, digits: int = 0) -> str:
    return DASH if value is None or not _finite(value) else f"{float(value):,.{digits}f}"


def short(value: float | None) -> str:
    """A large number with three digits: ``1.2 M``, ``34 k``, ``512``."""
    if value is None or not _finite(value):
        return DASH
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.1f}{unit}" if scaled < 10 else f"{scaled:.0f}{unit}"
    return f"{value:,.0f}"


def utc(moment: dt.datetime | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return DASH if moment is None else moment.astimezone(dt.UTC).strftime(form)


def until(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """When something ends: ``20:48 UTC`` of this day, ``Mon 30 Nov 20:48 UTC`` of another."""
    at = moment.astimezone(dt.UTC)
    is_today = at.date() == (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).date()
    return f"{at:%H:%M} UTC" if is_today else f"{at:%a} {at.day} {at:%b %H:%M} UTC"


def when(moment: dt.datetime | None, now: dt.datetime | None = None) -> Markup:
    """A ``<time>`` in UTC with relative text: ``3 min ago``, ``in 2 h``; ``never`` for a moment
    that never comes."""
    if moment is None:
        return Markup("–")
    if moment.year >= LAST.year:
        return Markup("never")
    at = moment.astimezone(dt.UTC)
    apart = ((now or dt.datetime.now(dt.UTC)) - at).total_seconds()
    said = seconds(abs(apart)).split(" ")
    about = " ".join(said[:2]) if abs(apart) >= 1 else "now"
    text = about if about == "now" else f"{about} ago" if apart > 0 else f"in {about}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), utc(at), text
    )


def counted(value: int, more: bool) -> str:
    """A count of what was looked at: ``700``, or ``700+`` where there may be more."""
    return f"{value:,}+" if more else f"{value:,}"


def plural(amount: int, one: str, *, more: bool = False) -> str:
    """``1 request``, ``7 requests``, ``10,000+ requests``. more: there may be more than these."""
    number = counted(amount, more) if more else count(amount)
    return f"{number} {one if amount == 1 and not more else one + 's'}"


def amount(number_of: int, one: str) -> str:
    """An exact number of things: ``1 request``, ``12,345 requests``."""
    return f"{number_of:,} {one if number_of == 1 else one + 's'}"


def pretty(value: Any) -> str:
    """JSON for reading, stable and indented."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def title(name: str) -> str:
    """``workout_optimization`` as ``Workout optimization``."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def worded(text: str) -> str:
    """Codes within a sentence as words: ``unit_repaired: 3`` as ``unit repaired: 3``.

    Names of settings, in capitals, stay as they are typed.
    """
    return re.sub(r"(?<=[a-z])_(?=[a-z])", " ", text)


def summary(input_data: Any, most: int = 90) -> str:
    """One line that tells what was asked: ``client 17 · goals strength · 8 weeks``."""
    if not isinstance(input_data, Mapping):
        return cut(str(input_data), most)
    parts = []
    first = ("client_id", "trainer_id")
    for key, value in sorted(input_data.items(), key=lambda item: item[0] not in first):
        if value in (None, "", [], {}):
            continue
        name = key.removesuffix("_id").replace("_", " ")
        parts.append(f"{name} {_plain(value)}")
    return cut(" · ".join(parts) or "no input", most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value[:4]) + (" …" if len(value) > 4 else "")
    if isinstance(value, Mapping):
        return "{…}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return cut(str(value), 40)


def tone_of(status: str | None) -> str:
    return _TONE_OF.get(str(status), "off")


FILTERS = {
    "tone_of": tone_of,
    "count": count,
    "counted": counted,
    "seconds": seconds,
    "usd": usd,
    "percent": percent,
    "number": number,
    "short": short,
    "utc": utc,
    "until": until,
    "when": when,
    "pretty": pretty,
    "title_of": title,
    "worded": worded,
    "summary": summary,
    "cut": cut,
}

"""The suggestions as an iCalendar text (RFC 5545), to open in any calendar.

Times are UTC, so that no calendar needs our idea of the zone. Proposals are TENTATIVE: opening the
file books nothing. Nor is there a METHOD: with one it would be a message of an organizer, of whom
nothing is known (RFC 5546, section 3.2.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

PRODUCT = "-//FitnessCRM AI Orchestrator//scheduling//EN"


@dataclass(frozen=True, slots=True)
class Event:
    """uid: the same for the same proposal. start: a moment with a zone."""

    uid: str
    start: datetime
    minutes: int
    summary: str
    description: str


def text(events: Iterable[Event], stamp: datetime) -> str | None:
    """The calendar with CRLF line ends; None without events. stamp: when made, with a zone."""
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    for event in events:
        entry = Entry()
        entry.add("uid", event.uid)
        entry.add("dtstamp", stamp.replace(microsecond=0))
        entry.add("dtstart", event.start)
        entry.add("dtend", event.start + timedelta(minutes=event.minutes))
        entry.add("summary", event.summary)
        entry.add("description", event.description)
        entry.add("status", "TENTATIVE")
        calendar.add_component(entry)
    return calendar.to_ical().decode("utf-8") if calendar.subcomponents else None

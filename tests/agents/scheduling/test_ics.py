"""The calendar text opens in any calendar."""

from datetime import UTC, datetime, timedelta

from agents.scheduling.ics import Event, text

STAMP = datetime(2026, 11, 20, 8, 0, 0, 5, tzinfo=UTC)
EVENT = Event("412-1@x", datetime(2026, 11, 24, 17, tzinfo=UTC), 60, "Session; a, b", "ä" * 90)


def test_lines_are_as_the_standard_wants_them() -> None:
    """CRLF, folded at 75 octets, commas and semicolons escaped, times in UTC."""
    calendar = text([EVENT], STAMP) or ""
    lines = calendar.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert "\n" not in "".join(lines)
    assert max(len(line.encode()) for line in lines) <= 75
    assert r"SUMMARY:Session\; a\, b" in lines
    assert {"DTSTART:20261124T170000Z", "DTEND:20261124T180000Z"} <= set(lines)
    assert {"DTSTAMP:20261120T080000Z", "STATUS:TENTATIVE", "UID:412-1@x"} <= set(lines)


def test_it_is_no_transaction() -> None:
    """A METHOD makes it a message that needs an ORGANIZER (RFC 5546, section 3.2.1); without one
    it is plain events that any calendar takes (RFC 5545, section 3.7.2)."""
    assert "METHOD" not in (text([EVENT], STAMP) or "")


def test_each_proposal_is_an_event() -> None:
    """Two proposals are two events; none are no calendar."""
    later = Event("412-2@x", EVENT.start + timedelta(days=1), 30, "Session", "later")
    assert (text([EVENT, later], STAMP) or "").count("BEGIN:VEVENT") == 2
    assert text([], STAMP) is None

"""How to reach people is taken out of texts; ids, dates and weights stay."""

import pytest

from daemon.llm.redact import redact


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("mail ann.b+gym@x-y.co.uk now", "mail [e-mail] now"),
        ("call +49 (0)151 2345-6789 or 030/1234567", "call [phone] or [phone]"),
        ("555-123-4567, (555) 123-4567 or 123-4567", "[phone], [phone] or [phone]"),
        ("tel 0151 23456789.", "tel [phone]."),
        ("0049151234567", "[phone]"),
    ],
)
def test_addresses_and_numbers_go(text: str, sent: str) -> None:
    """However they are written."""
    assert redact({"texts": [text]}) == {"texts": [sent]}


@pytest.mark.parametrize(
    "kept",
    [
        "weights 100 110 120 kg",
        "on 2026-11-25 and 25.11.2026",
        "20261125T0900",
        "2026-11-25T09:00:00+00:00",
        "12345678",
        "3x12 @ 80",
        "between 8 and 10 reps, rpe 7.5",
        7,
        None,
        True,
    ],
)
def test_everything_else_stays(kept: object) -> None:
    """Nothing that an agent needs is touched."""
    assert redact([kept]) == [kept]


@pytest.mark.timeout(20)
def test_no_text_takes_long() -> None:
    """A hostile text costs time in proportion to its length: squared, these would take minutes."""
    for text in ("0 " * 500_000, "a@" * 500_000, "+1" + " 1" * 500_000, "1" * 1_000_000):
        redact(text)

"""The page on alerts and healing says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.healing.rules import RULES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (\w+) \|.*\| (.*) \|$", re.MULTILINE)
TABLE = {row[0]: row for row in ROW.findall(PAGE)}


@pytest.mark.parametrize("name", RULES)
def test_rule_is_described(name: str) -> None:
    """Every rule stands in the table with its mode and its cap."""
    rule = RULES[name]
    mode = "reflex" if rule.reflex else rule.mode
    assert TABLE[name] == (name, rule.does, mode, str(rule.cap or "no limit"))


def test_no_other_rule_is_described() -> None:
    """The table names no rule that does not exist."""
    assert TABLE.keys() == RULES.keys()

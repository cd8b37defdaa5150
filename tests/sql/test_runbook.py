"""The runbook: a section for everything that can speak up, with SQL that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

from agents.health.checks import CHECKS

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
LINES = ("Symptom", "Tells", "Cause", "Cure", "Proof")
SECTIONS = dict(re.findall(r"^### (.+)\n\n((?:.+\n)+)", RUNBOOK, re.MULTILINE))
SITUATIONS = (
    "Stuck in running",
    "Provider down",
    "Suggestions flood",
    "A leaked key",
    "Delete a client's data",
    "A bad release",
)


def test_sections() -> None:
    """Each check and situation has a section of its own."""
    assert {*CHECKS, *SITUATIONS} - set(SECTIONS) == set()


def test_lines() -> None:
    """Each section says symptom, what tells, cause, cure and proof, in this order."""
    for name, text in SECTIONS.items():
        said = tuple(re.findall(r"^- \*\*(\w+):\*\* \S", text, re.MULTILINE))
        assert said == LINES, name


def test_sql_runs(connection: psycopg.Connection[Any]) -> None:
    """Every statement that is to tell more can be run as it stands."""
    asked = re.findall(r"^- \*\*Tells:\*\*.*?`(SELECT[^`]+)`", RUNBOOK, re.MULTILINE)
    assert len(asked) > 40
    for statement in asked:
        connection.execute(statement.encode())


def test_links() -> None:
    """Links within the page lead somewhere."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors

"""The runbook: a section for everything that can speak up, with SQL that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

from agents.health.checks import CHECKS
from daemon.alerts.store import DELIVERY_CHECK, OWN_CHECKS

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
    """Each check, situation and alert of its own making has a section."""
    own = {DELIVERY_CHECK, OWN_CHECKS + "*"}
    assert {*CHECKS, *SITUATIONS, *own} - set(SECTIONS) == set()


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


def test_a_client_is_forgotten_everywhere(connection: psycopg.Connection[Any]) -> None:
    """Every table that names a client or a request is among those that are counted, or names
    nobody and nobody's words; whom the statement finds is gone afterwards."""
    tells = re.search(r"\*\*Tells:\*\* `([^`]+)`", SECTIONS["Delete a client's data"])
    assert tells is not None
    for given in ('{"client_id": 7}', '{"demand": [{"client_id": "7"}]}', '{"client_id": 8}'):
        connection.execute(
            "INSERT INTO ai_requests (task_type, input_data) VALUES ('work', %s)", [given]
        )
    assert len(connection.execute(tells[1].encode()).fetchall()) == 2
    counts = connection.execute("SELECT ai_forget_client(7)").fetchone()
    assert counts is not None
    assert counts[0]["ai_requests"] == 2
    assert connection.execute(tells[1].encode()).fetchall() == []
    rows = connection.execute(
        "SELECT DISTINCT c.table_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE t.table_type = 'BASE TABLE' AND c.table_name LIKE 'ai\\_%'"
        " AND c.column_name IN ('request_id', 'client_id') AND c.table_schema = current_schema()"
    ).fetchall()
    nobody = {"ai_saved_plans", "ai_code_sources", "ai_code_suggestions", "ai_system_health"}
    assert {table for (table,) in rows} - nobody <= set(counts[0])

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


KEPT = {
    "ai_leases",
    "ai_saved_plans",
    "ai_code_sources",
    "ai_code_suggestions",
    "ai_system_health",
}
"""Tables that name a request, but nobody and nobody's words."""


def test_a_client_is_forgotten_everywhere(connection: psycopg.Connection[Any]) -> None:
    """Deleting a client's data goes to every table that has any, with statements that run."""
    cure = re.search(r"\*\*Cure:\*\* (.+)", SECTIONS["Delete a client's data"])
    assert cure is not None
    by_request, by_client = (
        re.findall(r"ai_\w+", part)
        for part in re.findall(r"(ai_\w+(?:, ai_\w+)*) `WHERE (?:request_id|client_id)", cure[1])
    )
    rows = connection.execute(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE t.table_type = 'BASE TABLE' AND c.table_name LIKE 'ai\\_%'"
        " AND c.column_name IN ('request_id', 'client_id') AND c.table_schema = current_schema()"
    ).fetchall()
    assert {table for table, column in rows if column == "client_id"} == set(by_client)
    named = {*by_request, *by_client, "ai_llm_calls"}
    assert {table for table, _ in rows} - KEPT == named
    (request_id,) = connection.execute(
        "INSERT INTO ai_requests (task_type, input_data)"
        " VALUES ('work', '{\"client_id\": 7}') RETURNING id"
    ).fetchone() or (0,)
    connection.execute(
        "INSERT INTO ai_results (request_id, task_type, mode, result)"
        " VALUES (%s, 'work', 'full', '{}')",
        [request_id],
    )
    said = "INSERT INTO ai_feedback (item_id, verdict, reason) VALUES (%s, 'helpful', 'my back')"
    connection.execute(said, [f"{request_id}-1"])
    for table in by_request:
        statement = f"DELETE FROM {table} WHERE request_id = ANY (%s)"
        connection.execute(statement.encode(), [[request_id]])
    connection.execute(
        "UPDATE ai_llm_calls SET prompt = NULL, response = NULL WHERE request_id = %s",
        [request_id],
    )
    for table in by_client:
        connection.execute(f"DELETE FROM {table} WHERE client_id = 7".encode())
    connection.execute("DELETE FROM ai_requests WHERE id = %s", [request_id])
    for table in ("ai_requests", "ai_results", "ai_feedback"):
        assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall() == []

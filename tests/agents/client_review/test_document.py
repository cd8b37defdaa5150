"""The page about reviews says what works."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

from agents.catalog import AGENTS
from agents.client_review.model import ClientReview
from tests.kit.gyms import gym_app

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "client-review.md").read_text("utf-8")


async def test_its_sql_runs(database: str) -> None:
    """Each statement of the page runs on a database that the daemon has set up."""
    statements = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    statements += re.findall(r"`(UPDATE [^`]*)`", PAGE)
    async with gym_app(database, {"client_review": AGENTS["client_review"]}, port=0):
        with psycopg.connect(database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            found = connection.execute(
                "SELECT daily_budget_usd, per_key FROM ai_control"
                " WHERE task_type = 'client_review'"
            ).fetchone()
    assert len(statements) == 3
    assert found == (2, 2)


def test_it_names_what_the_answer_holds() -> None:
    """The keys of the table are keys of the answer."""
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert named <= set(ClientReview.model_fields)
    assert {"status", "progress", "adaptations", "summary"} <= named

"""What the README says is so: its agent answers, its SQL runs, its links and names exist."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import psycopg
import pytest

from daemon import cli
from daemon.settings import Settings
from tests.kit.process import ROOT, DaemonProcess
from tests.kit.signals import until

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNS_THERE = (
    "import os, sys; os.chdir(sys.argv[1]);"
    " os.execv(sys.executable, [sys.executable, '-m', 'daemon', 'run'])"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(150)
def test_an_agent_is_one_file_and_one_line(database: str, tmp_path: Path) -> None:
    """The agent that the README shows answers a request, added exactly as it says."""
    shown, registration = blocks("python")
    for folder in ("agents", "daemon", "sql", "migrations"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "agents" / "bmi.py").write_text(shown)
    catalog = tmp_path / "agents" / "catalog.py"
    catalog.write_text(catalog.read_text() + registration)
    assert len(shown.splitlines()) <= 26

    program = (sys.executable, "-c", RUNS_THERE, str(tmp_path))
    with (
        DaemonProcess({"DATABASE_URL": database}, (), program=program) as process,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process.wait_event("ready", 90)
        asked = "SELECT ai_submit('bmi', %s)"
        good = connection.execute(asked, ('{"weight_kg": 70, "height_m": 1.75}',)).fetchone()
        bad = connection.execute(asked, ('{"weight_kg": 7, "height_m": 1.75}',)).fetchone()
        assert good is not None
        assert bad is not None
        answer = until(
            lambda: connection.execute(
                "SELECT result FROM ai_results WHERE request_id = %s", good
            ).fetchone()
        )
        refused = until(
            lambda: connection.execute(
                "SELECT error ->> 'message' FROM ai_requests WHERE id = %s AND status = 'failed'",
                bad,
            ).fetchone()
        )
    assert answer is not None
    assert refused is not None
    assert answer[0]["bmi"] == 22.9
    assert refused[0] == "input_data.weight_kg is 7; expected greater than 20"


def test_the_sql_runs(database: str) -> None:
    """Every statement of the README runs on a migrated database."""
    with psycopg.connect(database, autocommit=True) as connection:
        for block in blocks("sql"):
            text = re.sub(r"--[^\n]*", "", block)
            for statement in filter(str.strip, text.split(";")):
                connection.execute(statement.encode())


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    """Each file that the README points at exists."""
    assert (ROOT / link).exists()


def test_names_exist() -> None:
    """Variables, make targets and commands of the README are real."""
    variables = {name.upper() for name in Settings.model_fields}
    for name in re.findall(r"`([A-Z][A-Z_]{3,})`", README):
        assert name in variables
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for command in re.findall(r"python -m daemon ([a-z]+)", README):
        assert command in cli.COMMANDS


def test_every_variable_is_in_the_example() -> None:
    """.env.example and the settings name the same variables."""
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#? ?([A-Z][A-Z_0-9]+)=", example, re.MULTILINE))
    known = {"FLASK_ENV" if n == "environment" else n.upper() for n in Settings.model_fields}
    elsewhere = {"LANGCHAIN_TRACING_V2", "LANGCHAIN_API_KEY", "TEST_DATABASE_URL"}
    assert listed == known | elsewhere

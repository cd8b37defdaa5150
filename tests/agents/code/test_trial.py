"""A repair is tried with the project's own tests, on a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.code.collect import Refused
from agents.code.gate.trial import Trial

WORKS = "def double(n):\n    return 2 * n\n"
CHECK = "import app, os\nassert app.double(2) == 4\nassert 'OPENAI_API_KEY' not in os.environ\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-them")
    (tmp_path / "app.py").write_text(WORKS)
    (tmp_path / "check.py").write_text(CHECK)
    return tmp_path


def test_what_breaks_the_tests_is_refused(project: Path) -> None:
    """The tests see the changed file, not our keys; the project itself stays as it is."""
    trial = Trial("python3 check.py", project)
    assert trial("app.py", WORKS.replace("2 * n", "n + n")) is None
    assert trial("app.py", WORKS.replace("2 * n", "3 * n")) == "the tests end with 1"
    assert (project / "app.py").read_text() == WORKS


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("", "is empty"),
        ("no-such-command-here", "cannot be run"),
        ("python3 -c 'raise SystemExit(3)'", "fails without any change: the tests end with 3"),
    ],
)
def test_a_command_that_cannot_judge_is_told(project: Path, command: str, reason: str) -> None:
    """A command that is none, or that fails already, is wrong use and not a verdict."""
    with pytest.raises(Refused, match=reason):
        Trial(command, project)


def test_tests_that_hang_are_a_failure(project: Path) -> None:
    """A change after which the tests do not end does not pass."""
    trial = Trial("python3 check.py", project, seconds=5.0)
    assert trial("app.py", "while True: pass\n") == "the tests take longer than 5 s"

"""What CI does with tests that fail, and with tests that it must not leave out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.process import ROOT, clean_environment

CONFTEST = """
from tests.conftest import pytest_addoption, pytest_configure
from tests.conftest import pytest_runtest_makereport, pytest_runtest_setup
"""
FLAKY = """
import pathlib, pytest

{}
def test_it():
    tries = pathlib.Path("tries")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    assert tries.read_text() != "x"
"""
MAKEFILE = "check:\n\ntest:\n\t@{python} -m pytest $(ARGS)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that is run as this one is, without any test yet."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "Makefile").write_text(MAKEFILE.format(python=sys.executable))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def run(project: Path, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program,
        cwd=project,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("seed", "red", "tries"), [(False, False, "xx"), (True, True, "x")])
def test_a_random_seed_has_no_second_try(project: Path, seed: bool, red: bool, tries: str) -> None:
    """CI runs once more what failed, alone, and is green if it passes then; but a test with a
    random seed is not run again, and what it found makes CI red."""
    mark = "@pytest.mark.random_seed" if seed else ""
    (project / "test_it.py").write_text(FLAKY.format(mark))
    done = run(project, "bash", ".ci/run")
    assert (done.returncode != 0) == red, done.stdout + done.stderr
    assert (project / "tries").read_text() == tries


@pytest.mark.parametrize("how", ["@pytest.mark.skip", "@pytest.mark.skipif(True, reason='so')"])
def test_what_must_run_is_not_skipped(project: Path, how: str) -> None:
    """With --no-skips a test that is skipped fails."""
    (project / "test_it.py").write_text(f"import pytest\n\n{how}\ndef test_it(): pass\n")
    pytest_here = (sys.executable, "-m", "pytest")
    assert run(project, *pytest_here).returncode == 0
    assert run(project, *pytest_here, "--no-skips").returncode == 1


def test_what_needs_root_runs_as_root() -> None:
    """CI runs the tests that need root as root, all of them."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    [step] = [step for step in workflow.split("- run:") if "--no-skips" in step]
    assert "sudo" in step
    named = {word for word in step.split() if word.startswith("tests/")}
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    needy = {
        path.relative_to(ROOT).as_posix()
        for path in tests
        if any(
            sign in path.read_text() for sign in ("skipif(not AS_ROOT", "network import missing")
        )
    }
    assert named == needy

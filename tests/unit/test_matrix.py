"""What the matrix of PostgreSQL versions tells of its runs, and which tests it chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import matrix

FIRST = """<testsuites><testsuite>
<testcase classname="tests.unit.test_matrix" name="one"/>
<testcase classname="tests.unit.test_matrix" name="two"><failure/></testcase>
<testcase classname="tests.unit.test_matrix" name="three"/>
<testcase classname="tests.unit.test_matrix" name="three"><error/></testcase>
<testcase classname="tests.sql.test_claim" name="four"><skipped/></testcase>
</testsuite></testsuites>"""
SECOND = """<testsuites><testsuite>
<testcase classname="tests.unit.test_matrix" name="two"/>
<testcase classname="tests.unit.test_matrix" name="three"><failure/></testcase>
</testsuite></testsuites>"""
CLAIM = """<testsuites><testsuite>
<testcase classname="tests.sql.test_claim" name="four"/>
</testsuite></testsuites>"""
MINE = f"| {matrix.promise('tests.unit.test_matrix')} | `unit.test_matrix` |"
OTHER = f"| {matrix.promise('tests.sql.test_claim')} | `sql.test_claim` |"


def kept(folder: Path, first: str, second: str = "", version: str = "15.18") -> list[str]:
    """The page's lines after a run."""
    reports = [folder / name for name in ("first.xml", "second.xml")]
    for report, text in zip(reports, (first, second), strict=True):
        report.unlink(missing_ok=True)
        if text:
            report.write_text(text)
    matrix.keep(folder / "15.xml", version, *reports)
    return matrix.page([matrix.column(folder / "15.xml")]).splitlines()


@pytest.mark.parametrize(
    ("second", "cell", "again"), [("", "1, **2 failed**", "0"), (SECOND, "2, **1 failed**", "1")]
)
def test_failures_stay_visible(tmp_path: Path, second: str, cell: str, again: str) -> None:
    """A failure is told, also one of a fixture; a second try that passed is counted as such."""
    lines = kept(tmp_path, FIRST, second)
    assert f"{MINE} {cell} |" in lines
    assert f"{OTHER} - |" in lines
    assert f"| **All** |  | {cell} |" in lines
    assert f"| Of these at the second try |  | {again} |" in lines


def test_a_part_changes_its_rows_alone(tmp_path: Path) -> None:
    """A run of some modules leaves the others' cells, unless the server is another one by now."""
    kept(tmp_path, FIRST)
    lines = kept(tmp_path, CLAIM)
    assert f"{MINE} 1, **2 failed** |" in lines
    assert f"{OTHER} 1 |" in lines
    assert not [line for line in kept(tmp_path, CLAIM, version="15.19") if line.startswith(MINE)]


def test_fixtures_choose(request: pytest.FixtureRequest) -> None:
    """A test without a server's fixture has no marker `database`."""
    assert request.node.get_closest_marker("database") is None


def test_fixtures_choose_also_through_others(
    request: pytest.FixtureRequest, database: str
) -> None:
    """A test that comes to a server through another fixture has it."""
    assert database
    assert request.node.get_closest_marker("database") is not None

"""What the matrix of PostgreSQL versions tells of its runs, and which tests it chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import matrix

FIRST = """<testsuites><testsuite name="15.18" timestamp="2026-05-04T10:00:00">
<testcase classname="tests.unit.test_matrix" name="one"/>
<testcase classname="tests.unit.test_matrix" name="two"><failure/></testcase>
<testcase classname="tests.unit.test_matrix" name="three"/>
<testcase classname="tests.unit.test_matrix" name="three"><error/></testcase>
<testcase classname="tests.sql.test_claim" name="four"><skipped/></testcase>
</testsuite></testsuites>"""
SECOND = """<testsuites><testsuite name="15.18">
<testcase classname="tests.unit.test_matrix" name="two"/>
<testcase classname="tests.unit.test_matrix" name="three"><failure/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("second", "cell", "again"), [("", "1, **2 failed**", "0"), (SECOND, "2, **1 failed**", "1")]
)
def test_failures_stay_visible(tmp_path: Path, second: str, cell: str, again: str) -> None:
    """A failure is told, also one of a fixture; a second try that passed is counted as such."""
    first, retried = tmp_path / "15.xml", tmp_path / "15.again.xml"
    first.write_text(FIRST)
    if second:
        retried.write_text(second)
    lines = matrix.page([matrix.column(first, retried)]).splitlines()
    promise = matrix.promise("tests.unit.test_matrix")
    assert f"| {promise} | `unit.test_matrix` | {cell} |" in lines
    assert f"| **All** |  | {cell} |" in lines
    assert f"| Of these at the second try |  | {again} |" in lines
    assert "| Who is claimed next, and how many at once. | `sql.test_claim` | - |" in lines


def test_fixtures_choose(request: pytest.FixtureRequest) -> None:
    """A test without a server's fixture has no marker `database`."""
    assert request.node.get_closest_marker("database") is None


def test_fixtures_choose_also_through_others(
    request: pytest.FixtureRequest, database: str
) -> None:
    """A test that comes to a server through another fixture has it."""
    assert database
    assert request.node.get_closest_marker("database") is not None

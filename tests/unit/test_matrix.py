"""What the matrix of PostgreSQL versions tells of its runs, and which tests it chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import matrix, postgres

THERE = matrix.names("""
tests/unit/test_matrix.py::one
tests/unit/test_matrix.py::two
tests/unit/test_matrix.py::three
tests/unit/test_matrix.py::later[x.py::y]
tests/sql/test_claim.py::four

5/9 tests collected (4 deselected) in 0.05s
""")
FIRST = """<testsuites><testsuite>
<testcase classname="tests.unit.test_matrix" name="one"/>
<testcase classname="tests.unit.test_matrix" name="two"><failure/></testcase>
<testcase classname="tests.unit.test_matrix" name="three"/>
<testcase classname="tests.unit.test_matrix" name="three"><error/></testcase>
<testcase classname="tests.unit.test_matrix" name="gone"/>
<testcase classname="tests.sql.test_claim" name="four"><skipped/></testcase>
</testsuite></testsuites>"""
SECOND = """<testsuites><testsuite>
<testcase classname="tests.unit.test_matrix" name="two"/>
<testcase classname="tests.unit.test_matrix" name="three"><failure/></testcase>
</testsuite></testsuites>"""
SKIPPED = SECOND.replace('name="two"/>', 'name="two"><skipped/></testcase>')
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
    return matrix.page([matrix.column(folder / "15.xml", THERE)]).splitlines()


@pytest.mark.parametrize(
    ("second", "passed", "failed", "again"),
    [("", 1, 2, 0), (SECOND, 2, 1, 1), (SKIPPED, 1, 2, 0)],
)
def test_failures_stay_visible(
    tmp_path: Path, second: str, passed: int, failed: int, again: int
) -> None:
    """A failure is told, also one of a fixture; only a pass at the second try takes it back, and
    is counted. What was skipped or not run is told too, and what is gone by now is not."""
    lines = kept(tmp_path, FIRST, second)
    assert f"{MINE} {passed}, **{failed} failed**, 1 not run |" in lines
    assert f"{OTHER} 0, 1 skipped |" in lines
    told = {"passed": passed, "failed": failed, "skipped": 1, "not run": 1}
    assert [f"| **All: {what}** |  | {n} |" for what, n in told.items()] == [
        line for line in lines if line.startswith("| **All")
    ]
    assert f"| Passed at the second try |  | {again} |" in lines


def test_a_part_changes_its_rows_alone(tmp_path: Path) -> None:
    """A run of some modules leaves the others' cells, unless the server is another one by now."""
    kept(tmp_path, FIRST)
    lines = kept(tmp_path, CLAIM)
    assert f"{MINE} 1, **2 failed**, 1 not run |" in lines
    assert f"{OTHER} 1 |" in lines
    assert f"{MINE}  |" in kept(tmp_path, CLAIM, version="15.19")


def test_revisions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column names every revision that its outcomes are of."""
    monkeypatch.setattr(matrix, "revision", lambda: "a1b2c3d")
    assert "| Revision |  | a1b2c3d |" in kept(tmp_path, FIRST)
    monkeypatch.setattr(matrix, "revision", lambda: "e4f5a6b+")
    assert "| Revision |  | a1b2c3d, e4f5a6b+ |" in kept(tmp_path, CLAIM)


def test_fixtures_choose(request: pytest.FixtureRequest) -> None:
    """A test without a server's fixture has no marker `database`."""
    assert request.node.get_closest_marker("database") is None


def test_fixtures_choose_also_through_others(
    request: pytest.FixtureRequest, database: str
) -> None:
    """A test that comes to a server through another fixture has it."""
    assert database
    assert request.node.get_closest_marker("database") is not None


def test_no_server_without_the_marker() -> None:
    """A test that has no marker and starts a server fails: it would be left out."""
    with pytest.raises(AssertionError, match="needs the marker `database`"):
        postgres.throwaway()

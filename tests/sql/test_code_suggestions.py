"""Suggestions about code: one row per finding for its life, and a person's word about it."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import psycopg
import pytest

from tests.sql.driver import Queue

STATUSES = ("pending", "accepted", "rejected", "applied")
ALLOWED = {
    ("pending", "accepted"),
    ("pending", "rejected"),
    ("accepted", "applied"),
    ("accepted", "rejected"),
    ("rejected", "pending"),
}


def finding(fingerprint: str, file_path: str = "a.py", **more: Any) -> dict[str, Any]:
    return {
        "file_path": file_path,
        "issue_type": "security",
        "severity": "high",
        "description": "what is wrong",
        "suggestion": "what would be right",
        "fingerprint": fingerprint,
        "rule": "sql-injection",
        "line": 3,
        **more,
    }


def write(queue: Queue, request_id: int, *found: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write one analysis; returns its result as it then stands."""
    queue.rows(
        "INSERT INTO ai_results (request_id, task_type, mode, result)"
        " VALUES (%s, 'code_analysis', 'deterministic', '{}')",
        request_id,
    )
    given = {
        "repository": "app",
        "suggestions": found,
        "seen": [item["fingerprint"] for item in found],
        "files": [],
    } | more
    queue.run(
        "result_code_suggestions",
        request_id=request_id,
        rows=json.dumps([given]),
    )
    result: dict[str, Any] = queue.value(
        "SELECT result FROM ai_results WHERE request_id = %s", request_id
    )
    return result


def decide(queue: Queue, number: int, status: str, reason: str | None = None) -> str:
    [row] = queue.run(
        "suggestion_decide", id=number, status=status, reason=reason, actor="ann", channel="api"
    )
    return str(row["verdict"])


def test_a_finding_is_one_row(queue: Queue) -> None:
    """Seen again, a finding keeps its row and its id; its place and its count follow."""
    first = write(queue, 1, finding("f1"), finding("f2"))
    again = write(queue, 2, finding("f2", line=9), finding("f3"))
    assert first["suggestions_created"] == 2
    assert again["suggestions_created"] == 1
    assert first["suggestion_ids"][1] == again["suggestion_ids"][0]
    [row] = queue.rows("SELECT * FROM ai_code_suggestions WHERE fingerprint = 'f2'")
    assert (row["line"], row["seen_count"], row["request_id"]) == (9, 2, 1)


def test_what_nobody_saw_for_long_is_pruned(queue: Queue) -> None:
    """Suggestions go that were last seen long ago, not those of living code, of an older service,
    or that somebody rejected: those stay silent."""
    first = write(queue, 1, *(finding(name) for name in ("gone", "old", "no", "new")))
    write(queue, 2, files=["a.py"], seen=["old", "no", "new"])
    decide(queue, first["suggestion_ids"][2], "rejected")
    queue.rows(
        "UPDATE ai_code_suggestions SET last_seen_at = now() - interval '401 days'"
        " WHERE fingerprint <> 'new'"
    )
    queue.rows(
        "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
        " suggestion, fingerprint, last_seen_at)"
        " VALUES ('b.py', 'bug', 'low', 'd', 's', 'older:1', '2000-01-01')"
    )
    pruned = queue.run("prune_code_suggestions", older_seconds=400 * 86_400, limit=1)
    assert pruned == [{"pruned": 1}]
    queue.run("prune_code_suggestions", older_seconds=400 * 86_400, limit=500)
    left = queue.rows("SELECT fingerprint FROM ai_code_suggestions")
    assert {row["fingerprint"] for row in left} == {"no", "new", "older:1"}


def test_a_proposal_stays_until_a_newer_one(queue: Queue) -> None:
    """A look that proposes nothing leaves an earlier proposal as it is."""
    write(queue, 1, finding("f1", diff="the patch", gate={"accepted": True}, fixer="timeout"))
    write(queue, 2, finding("f1", suggestion="in other words"))
    [row] = queue.rows("SELECT diff, fixer, suggestion FROM ai_code_suggestions")
    assert row == {"diff": "the patch", "fixer": "timeout", "suggestion": "what would be right"}


def test_what_is_no_longer_found_is_gone_and_may_come_back(queue: Queue) -> None:
    """In a file that was read in full, a finding that was not seen is gone; seen, it is back."""
    write(queue, 1, finding("f1"), finding("f2"), finding("f3", "other.py"))
    result = write(queue, 2, finding("f1"), files=["a.py"])
    state = "SELECT fingerprint FROM ai_code_suggestions WHERE gone_at IS NOT NULL"
    assert [row["fingerprint"] for row in queue.rows(state)] == ["f2"]
    assert result["suggestions_gone"] == 1
    assert queue.value("SELECT count(*) FROM ai_code_suggestions WHERE resolved_at IS NULL") == 2
    # Found, though not among the few that are stored with all their words.
    write(queue, 3, finding("f1"), files=["a.py"], seen=["f1", "f2"])
    assert queue.rows(state) == []
    assert queue.value("SELECT count(*) FROM ai_code_suggestions WHERE resolved_at IS NULL") == 3


def test_a_whole_project_settles_removed_files(queue: Queue) -> None:
    """Where all files were read, findings of files that are no longer there are gone, and those
    of files that could not be read are kept."""
    write(queue, 1, finding("f1"), finding("f2", "removed.py"), finding("f3", "broken.py"))
    write(queue, 2, finding("f1"), files=["a.py"], whole=True, skipped=["broken.py"])
    gone = queue.rows("SELECT fingerprint FROM ai_code_suggestions WHERE gone_at IS NOT NULL")
    assert [row["fingerprint"] for row in gone] == ["f2"]


def test_other_repositories_are_left_alone(queue: Queue) -> None:
    """The same file and fingerprint in another repository are another finding."""
    write(queue, 1, finding("f1"))
    write(queue, 2, repository="other", files=["a.py"])
    write(queue, 3, finding("f1"), repository="other")
    assert queue.value("SELECT count(*) FROM ai_code_suggestions WHERE gone_at IS NULL") == 2


def test_rejected_stays_rejected(queue: Queue) -> None:
    """A finding that a person rejected comes back neither as pending nor in a result."""
    [number] = write(queue, 1, finding("f1"))["suggestion_ids"]
    assert decide(queue, number, "rejected", "only test data") == "decided"
    assert write(queue, 2, finding("f1"))["suggestion_ids"] == []
    [row] = queue.rows("SELECT status, decided_by, decision_reason FROM ai_code_suggestions")
    assert row == {"status": "rejected", "decided_by": "ann", "decision_reason": "only test data"}
    [known] = queue.run("view_code_repositories")
    assert known["value"] == {"repository": "app", "rejected": ["f1"], "proposed": []}


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
def test_life_cycle(queue: Queue, before: str, after: str) -> None:
    """Function and trigger know the same steps; each decision has its line in the audit log."""
    [number] = write(queue, 1, finding("f1"))["suggestion_ids"]
    queue.rows("ALTER TABLE ai_code_suggestions DISABLE TRIGGER ai_suggestion_decided")
    queue.rows("UPDATE ai_code_suggestions SET status = %s", before)
    queue.rows("ALTER TABLE ai_code_suggestions ENABLE TRIGGER ai_suggestion_decided")
    allowed = (before, after) in ALLOWED
    if before != after and not allowed:
        with pytest.raises(psycopg.errors.CheckViolation, match=f"{before} cannot become {after}"):
            queue.rows("UPDATE ai_code_suggestions SET status = %s", after)
    expected = "repeated" if before == after else "decided" if allowed else "forbidden"
    assert decide(queue, number, after) == expected
    [row] = queue.rows("SELECT status, resolved_at FROM ai_code_suggestions")
    assert row["status"] == (after if allowed else before)
    audit = "SELECT action, target, actor, channel, before, after FROM ai_audit_log"
    lines = queue.rows(audit)
    assert len(lines) == (1 if allowed else 0)
    if allowed:
        assert (row["resolved_at"] is not None) == (after in {"rejected", "applied"})
        assert lines[0]["target"] == f"suggestion:{number}"


def test_decisions_that_cannot_be(queue: Queue) -> None:
    """Unknown suggestions and unknown words are told apart, and nothing is written."""
    [number] = write(queue, 1, finding("f1"))["suggestion_ids"]
    assert decide(queue, number, "done") == "no_such_status"
    assert decide(queue, number + 1, "accepted") == "unknown"
    assert queue.value("SELECT count(*) FROM ai_audit_log") == 0


def test_an_older_service_may_take_any_step(queue: Queue) -> None:
    """Rows of an older service follow its own ways, and their words are still mended."""
    queue.rows(
        "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
        " suggestion) VALUES ('a.py', 'logic', 'major', 'd', 's')"
    )
    queue.rows("UPDATE ai_code_suggestions SET status = 'applied'")
    queue.rows("UPDATE ai_code_suggestions SET status = 'pending'")
    assert queue.value("SELECT status FROM ai_code_suggestions") == "pending"


def test_a_source_is_taken_by_one_and_asked_for_once(queue: Queue) -> None:
    """A source is due after its pause; a commit is asked for once, however often it is seen."""
    put = {"name": "app", "kind": "archive", "location": "gym/app", "repository": "gym/app"}
    queue.run("code_source_put", **put)
    assert [row["name"] for row in queue.run("code_source_take", names=["app"])] == ["app"]
    assert queue.run("code_source_take", names=["app"]) == []
    news = {
        "name": "app",
        "commit": "c1",
        "etag": '"x"',
        "problem": None,
        "input_data": json.dumps({"source": "app", "commit": "c1"}),
    }
    [first] = queue.run("code_source_settle", **news)
    [second] = queue.run("code_source_settle", **news)
    assert first["id"] is not None
    assert second["id"] is None
    assert queue.rows("SELECT task_type, priority FROM ai_requests") == [
        {"task_type": "code_analysis", "priority": -20}
    ]
    queue.run("code_source_put", **put | {"location": "gym/other"})
    [row] = queue.rows("SELECT last_commit, last_checked_at FROM ai_code_sources")
    assert (row["last_commit"], row["last_checked_at"]) == (None, None)

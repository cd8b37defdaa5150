"""The page of a request tells what is, also when an open page fetches a part of it alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gui.conftest import Served
from tests.gui.page import Person

REFUSED = """INSERT INTO ai_requests (id, task_type, status, error, checked, finished_at)
    VALUES (7, 'scheduling', 'failed', '{"code": "input_invalid", "message": "m"}', true, now())"""
STOPPED = """INSERT INTO ai_requests (id, task_type, status, finished_at)
    VALUES (7, 'scheduling', '%s', now())"""
PENDING = (
    "INSERT INTO ai_requests (id, task_type, run_after) VALUES (7, 'scheduling', now() + '%s')"
)
AGENT = "/gui/agents/"


def limit(task_type: str, column: str, value: str) -> str:
    return (
        f"INSERT INTO ai_control (task_type, {column}) VALUES ('{task_type}', {value}) ON CONFLICT"
        f" (task_type) DO UPDATE SET {column} = excluded.{column}"
    )


NOW = PENDING % "0 s"
TRIED = """INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at, finished_at,
    outcome) VALUES (7, 1, 1, 'w', now(), now(), 'retry')"""
STORIES = {
    "refused": ([REFUSED], "No attempt was made It was refused before one began."),
    "cancelled": ([STOPPED % "cancelled"], "It was cancelled before one began."),
    "expired": ([STOPPED % "expired"], "It expired before one began."),
    "due later": ([PENDING % "2 h 5 min"], "No attempt yet It is due in 2 h"),
    "paused": (
        [NOW, limit("scheduling", "paused", "true")],
        "Scheduling Intelligence is paused until somebody resumes it.",
    ),
    "paused for a while": (
        [
            NOW,
            limit("scheduling", "paused", "true"),
            limit("scheduling", "resume_at", "'2999-01-01 10:00Z'"),
        ],
        "Scheduling Intelligence is paused until 2999-01-01 10:00:00 UTC.",
    ),
    "a pause that is over": (
        [
            NOW,
            limit("scheduling", "paused", "true"),
            limit("scheduling", "resume_at", "'2020-01-01 10:00Z'"),
        ],
        "It begins when a slot is free.",
    ),
    "none at once": (
        [NOW, limit("scheduling", "concurrency", "0")],
        "Scheduling Intelligence may run none at once: its limit is 0.",
    ),
    "all paused": (
        [NOW, limit("*", "paused", "true")],
        "All agents are paused until somebody resumes them.",
    ),
    "all at once": (
        [NOW, limit("*", "concurrency", "0")],
        "All agents together may run none at once: their limit is 0.",
    ),
    "to be stopped": (
        [NOW, "UPDATE ai_requests SET cancel_requested_at = now()"],
        "It was asked to stop, and ends before one begins.",
    ),
    "a slot": ([NOW], "No attempt yet It begins when a slot is free."),
    "tried before": (
        [
            PENDING % "2 h 5 min",
            TRIED,
        ],
        "No attempt is under way It is due in 2 h",
    ),
}


@pytest.mark.parametrize("name", STORIES)
async def test_why_no_attempt_is_under_way(
    console: Served, admin: Person, rows: Any, name: str
) -> None:
    """A request without an attempt says why: what ended it before one, or what it waits for; in
    the section that an open page fetches alone as in the whole page."""
    made, sentence = STORIES[name]
    for statement in ["SET session_replication_role = replica; " + made[0], *made[1:]]:
        rows(statement)
    whole = await admin.get("/gui/requests/7")
    part = await admin.get("/gui/requests/7", **{"X-Fragment": "frame,trace,siblings"})
    for page in (whole, part):
        assert sentence in page.text
        assert page.text.count("before one began") == sentence.count("before one began")
    if "Scheduling Intelligence" in sentence:
        assert any(href.startswith(AGENT) for href in part.links())


ANALYSIS = {
    "analysis_result": "2 findings (1 high, 1 low) in 2 files, 40 lines.",
    "error_analysis": "KeyError in total(): the key is missing.",
    "error_fingerprint": "e1",
    "root_cause": "the key is missing",
    "culprit": {"file": "api/pay.py", "line": 9},
    "findings": [
        {"severity": "high", "rule": "S608", "file": "api/pay.py", "line": 7, "message": "SQL from"
         " text", "fingerprint": "f1", "diff": "--- a"},
        {"severity": "low", "rule": "F401", "file": "web/x.py", "line": 1, "message": "not used",
         "fingerprint": "f2"},
    ],
    "counts": {"total": 2, "severity": {"high": 1, "low": 1}},
    "skipped": [{"file": "big.py", "reason": "large", "detail": "more than 1 MB"}],
    "suggestion_ids": [31, 30, 10**30, "x"],
    "notes": ["<b>a note</b>"],
}  # fmt: skip


async def test_an_analysis_of_code_is_a_table(console: Served, admin: Person, rows: Any) -> None:
    """Findings stand in a table, each with the suggestion on which people decide; beside them the
    error that was asked about, the counts, and what was not analysed."""
    for number, fingerprint in ((30, "f1"), (31, "error:e1"), (32, "f2")):
        rows(
            "INSERT INTO ai_code_suggestions (id, file_path, issue_type, severity, description,"
            " suggestion, fingerprint) VALUES (%s, 'f', 'bug', 'high', 'd', 's', %s)",
            number,
            fingerprint,
        )
    rows(
        "SET session_replication_role = replica; INSERT INTO ai_requests (id, task_type, status,"
        " finished_at) VALUES (7, 'code_analysis', 'completed', now())"
    )
    rows(
        "INSERT INTO ai_results (request_id, task_type, mode, result)"
        " VALUES (7, 'code_analysis', 'full', %s)",
        json.dumps(ANALYSIS),
    )
    page = await admin.get("/gui/requests/7")
    answer = page.text.partition("Raw result")[0]
    for said in (
        "KeyError in total(): the key is missing.",
        "api/pay.py:9",
        "high SQL from text api/pay.py:7 · S608 · with a patch 30",
        "low not used web/x.py:1 · F401",
        "2 (1 high, 1 low)",
        "big.py: more than 1 MB",
        "<b>a note</b>",
    ):
        assert said in answer, said
    assert {"/gui/suggestions/30", "/gui/suggestions/31"} <= set(page.links())
    assert "/gui/suggestions/32" not in page.links()  # the result does not name it


async def test_steps_that_are_left_out_are_told(admin: Person, rows: Any) -> None:
    """A long story says where it begins; a short one needs no such line."""
    rows("SET session_replication_role = replica; " + REFUSED)
    rows(TRIED)
    step = (
        "INSERT INTO ai_request_events (request_id, fence, node)"
        " SELECT 7, 1, 'step_' || i FROM generate_series(%s::int, %s::int) i"
    )
    rows(step, 1, 99)
    assert "At most the newest" not in (await admin.get("/gui/requests/7")).text
    rows(step, 100, 130)
    page = await admin.get("/gui/requests/7")
    assert "At most the newest 100 steps are shown." in page.text
    assert "step 130" in page.text and "step 30 " not in page.text

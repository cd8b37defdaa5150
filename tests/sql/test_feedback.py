"""What people say of answers: one word per person and item, and no insert fails for its words."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.sql.driver import Queue

PUT = "INSERT INTO ai_feedback (request_id, item_id, verdict, given_by) VALUES (%s, %s, %s, %s)"


def answered(queue: Queue, task_type: str = "work", **columns: Any) -> int:
    """A request that an agent answered."""
    request_id = queue.insert(task_type, **columns)
    for row in queue.claim_all(types=(task_type,)):
        assert queue.finish("w1", row) == "accepted"
    return request_id


def kept(queue: Queue) -> list[dict[str, Any]]:
    return queue.rows("SELECT * FROM ai_feedback ORDER BY id")


def test_completed_from_the_request(queue: Queue) -> None:
    """The item's id and a verdict are enough: the rest is known of the request."""
    request_id = answered(queue, input_data='{"client_id": "7"}')
    queue.rows(
        "INSERT INTO ai_feedback (item_id, verdict, task_type)"
        " VALUES (%s, 'Not helpful', 'forged')",
        f"{request_id}-2",
    )
    (row,) = kept(queue)
    assert (row["request_id"], row["task_type"], row["client_id"]) == (request_id, "work", 7)
    assert (row["verdict"], row["problem"], row["given_by"]) == ("not_helpful", None, "")


def test_last_word_wins(queue: Queue) -> None:
    """A person who thinks again is counted once, with the newer word; others stand beside it."""
    request_id = answered(queue)
    for verdict, who in (
        ("helpful", "client:7"),
        ("incorrect", "client:7"),
        ("helpful", "user:3"),
    ):
        queue.rows(PUT, request_id, f"{request_id}-1", verdict, who)
    assert [(row["given_by"], row["verdict"]) for row in kept(queue)] == [
        ("client:7", "incorrect"),
        ("user:3", "helpful"),
    ]
    queue.rows(
        "INSERT INTO ai_feedback (request_id, item_id, verdict, given_by)"
        " VALUES (%s, 'x', 'helpful', 'user:3'), (%s, 'x', 'incorrect', 'user:3')"
        " ON CONFLICT DO NOTHING",
        request_id,
        request_id,
    )
    assert kept(queue)[-1]["verdict"] == "incorrect"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({}, "unknown_request"),
        ({"request_id": None, "item_id": None, "verdict": None}, "unknown_request"),
        ({"request_id": 999_999_999, "verdict": "helpful"}, "unknown_request"),
        ({"item_id": "9" * 400, "verdict": "helpful"}, "unknown_request"),
        ({"item_id": "abc", "verdict": "<b>" * 3000, "reason": "y" * 90_000}, "unknown_request"),
        ({"id": 1, "given_by": "z" * 9000, "created_at": "infinity"}, "unknown_request"),
        ({"request_id": -1, "item_id": "-1", "problem": "mine"}, "unknown_request"),
        ({"request_id": "answered", "verdict": "meh"}, "unknown_verdict"),
        ({"request_id": "answered", "verdict": "дa"}, "unknown_verdict"),
        ({"request_id": "pending", "verdict": "helpful"}, "not_answered"),
    ],
)
def test_no_word_fails_an_insert(queue: Queue, columns: dict[str, Any], problem: str) -> None:
    """What cannot count is kept with its problem, and the main app's transaction goes on."""
    known = {"answered": answered(queue), "pending": queue.insert()}
    given = {k: known.get(v, v) if isinstance(v, str) else v for k, v in columns.items()}
    names, marks = ", ".join(given), ", ".join(["%s"] * len(given))
    values = f"({names}) VALUES ({marks})" if given else "DEFAULT VALUES"
    for _ in range(2):
        queue.rows(f"INSERT INTO ai_feedback {values} RETURNING id", *given.values())
    (row,) = kept(queue)
    assert row["problem"] == problem
    assert len(row["reason"] or "") <= 2000
    assert max(len(row["item_id"]), len(row["given_by"])) <= 200
    assert queue.rows("SELECT * FROM ai_feedback_summary") == []


def test_two_words_at_once(queue: Queue, database: str) -> None:
    """Of two words of one person at once the one that commits later counts; none fails."""
    request_id = answered(queue)
    item = f"{request_id}-1"
    failed: list[BaseException] = []

    def second() -> None:
        try:
            with psycopg.connect(database, application_name="second", autocommit=True) as other:
                other.execute(PUT, (request_id, item, "incorrect", "client:7"))
        except BaseException as error:
            failed.append(error)

    with psycopg.connect(database) as first:
        first.execute(PUT, (request_id, item, "helpful", "client:7"))
        thread = threading.Thread(target=second)
        thread.start()
        while not queue.rows(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'second'"
            " AND wait_event_type = 'Lock'"
        ):
            assert thread.is_alive()
        first.commit()
    thread.join(timeout=20)
    assert failed == []
    assert [row["verdict"] for row in kept(queue)] == ["incorrect"]


def test_summary(queue: Queue) -> None:
    """Acceptance comes per agent and version, with the interval that its number deserves."""
    for number in range(10):
        verdict = "helpful" if number < 8 else "incorrect" if number == 8 else "not_helpful"
        request_id = answered(queue)
        queue.rows(PUT, request_id, f"{request_id}-1", verdict, "client:7")
    queue.rows(PUT, 424_242, "424242-1", "helpful", "client:7")
    (row,) = queue.rows("SELECT * FROM ai_feedback_summary")
    assert (row["task_type"], row["opinions"], row["requests"]) == ("work", 10, 10)
    assert (row["helpful"], row["not_helpful"], row["incorrect"]) == (8, 1, 1)
    # Wilson's interval of 8 in 10, from the literature: 49.0 % to 94.3 %.
    interval = (row["acceptance_rate"], row["acceptance_low"], row["acceptance_high"])
    assert [float(value) for value in interval] == pytest.approx([0.8, 0.4902, 0.9433], abs=2e-4)

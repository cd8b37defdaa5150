"""Who is claimed next, and how many at once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sql.driver import LEASE_SECONDS, Queue, another

CLAIMERS = 8


def test_a_claim_starts_an_attempt(queue: Queue) -> None:
    """A claim gives the request a fence, a lease and an attempt row, and hands over its input."""
    request_id = queue.insert(input_data='{"client_id": 1}', fair_key="client:1")

    [row] = queue.claim("w1")

    assert (row["id"], row["fence"], row["attempt"]) == (request_id, 1, 1)
    assert row["input_text"] == '{"client_id": 1}'
    assert [(lease["request_id"], lease["worker_id"]) for lease in queue.leases()] == [
        (request_id, "w1")
    ]
    assert queue.attempt(row)["outcome"] is None
    assert queue.status(request_id) == "running"


def test_a_large_input_stays_out_of_the_claim(queue: Queue) -> None:
    """The claim, which everybody waits for, never carries a large input."""
    queue.rows(
        "INSERT INTO ai_requests (task_type, input_data) SELECT 'work',"
        " jsonb_agg(md5(i::text)) FROM generate_series(1, 200) i"
    )
    [row] = queue.claim()
    assert row["input_text"] is None


def test_order(queue: Queue) -> None:
    """Higher priority first, then the older request."""
    low = queue.insert(priority=-1)
    first, second = queue.insert(), queue.insert()
    high = queue.insert(priority=5)

    claimed = [queue.claim(slots=1)[0]["id"] for _ in range(4)]

    assert claimed == [high, first, second, low]


@pytest.mark.parametrize("types", [("work",), ("work", "paused")])
def test_what_is_not_claimed(queue: Queue, types: tuple[str, ...]) -> None:
    """Not yet due, expired, cancelled, paused or of another type: none is started."""
    queue.rows(
        "INSERT INTO ai_requests (task_type, run_after, expires_at, cancel_requested_at) VALUES"
        " ('work', now() + interval '1 min', NULL, NULL),"
        " ('work', now(), now() - interval '1 s', NULL), ('work', now(), NULL, now()),"
        " ('other', now(), NULL, NULL), ('paused', now(), NULL, NULL)"
    )
    queue.control("paused", paused=True)
    assert queue.claim(types=types) == []


def test_pause_ends_by_itself(queue: Queue) -> None:
    """A paused agent's requests wait, until resume_at."""
    queue.insert()
    queue.advance(0)
    assert queue.now is not None
    queue.control("work", paused=True, resume_at=queue.now.replace(year=2100))
    assert queue.claim() == []
    queue.control("work", resume_at=queue.now)
    assert len(queue.claim()) == 1


@pytest.mark.parametrize("limited", ["work", "*"])
def test_start_rate(queue: Queue, limited: str) -> None:
    """No more starts than the bucket holds; it fills with time, also if set back."""
    queue.insert_many(50, run_after="2000-01-01")
    queue.advance(0)
    queue.control(limited, starts_per_minute=6, bucket_at=queue.now)

    assert queue.claim_all(slots=50) == []
    queue.advance(20)
    assert len(queue.claim_all(slots=50)) == 2
    queue.advance(3600)
    assert len(queue.claim_all(slots=50)) == 6
    queue.advance(-20)
    assert len(queue.claim_all(slots=50)) == 2
    assert queue.claim_all(slots=50) == []


def test_rate_and_cursor_together(queue: Queue) -> None:
    """A start is charged to the bucket also when the walk over keys moves on in the same claim."""
    queue.rows(
        "INSERT INTO ai_requests (task_type, fair_key)"
        " SELECT 'work', 'client:' || i FROM generate_series(1, 500) i"
    )
    queue.advance(0)
    queue.control("work", starts_per_minute=10, bucket=10, bucket_at=queue.now)
    assert len(queue.claim_all(slots=100)) == 10
    assert queue.value("SELECT bucket FROM ai_control WHERE task_type = 'work'") == 0


def test_an_admin_who_edits_limits_stops_nobody(queue: Queue, database: str) -> None:
    """An open transaction on one agent's limits lets the other agents work on."""
    queue.control("rated", starts_per_minute=60, bucket=60)
    queue.insert("rated")
    queue.insert("work")
    with another(database) as admin:
        admin.rows("BEGIN")
        admin.control("rated", concurrency=3)
        queue.rows("SET statement_timeout = '5s'")
        claimed = queue.claim(types=("rated", "work"))
        assert [row["task_type"] for row in claimed] == ["work"]
        admin.rows("COMMIT")
    assert [row["task_type"] for row in queue.claim(types=("rated", "work"))] == ["rated"]


def test_a_type_without_limits_gets_some(queue: Queue) -> None:
    """An agent that an admin added without a row in ai_control works, within the defaults."""
    queue.insert_many(30, "new")
    assert len(queue.claim_all(slots=30, types=("new",))) == 20


@pytest.mark.parametrize("slots", [1, 50])
def test_locked_rows_are_stepped_round(queue: Queue, database: str, slots: int) -> None:
    """A row that some transaction holds is passed over, and the next ones are taken."""
    held = [queue.insert(fair_key="a") for _ in range(3)]
    free = queue.insert(fair_key="a")
    with another(database) as app:
        app.rows("BEGIN")
        app.rows("SELECT FROM ai_requests WHERE id = ANY (%s) FOR UPDATE", held)
        queue.rows("SET statement_timeout = '5s'")
        assert [row["id"] for row in queue.claim(slots=slots)] == [free]
        app.rows("ROLLBACK")


@pytest.mark.parametrize("slots", [20, 200])
@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"work": {"concurrency": 13}}, 13),
        ({"work": {"per_key": 2}}, 8),
        ({"*": {"concurrency": 7}}, 7),
        ({"work": {"starts_per_minute": 11, "bucket": 11}}, 11),
        ({"work": {"concurrency": 0}}, 0),
    ],
)
def test_limits_are_exact(
    queue: Queue, database: str, limits: dict[str, dict[str, int]], most: int, slots: int
) -> None:
    """Eight daemons that claim at once start exactly as many as the limits allow, be there more
    due than slots or not."""
    for key in "abcd":
        queue.insert_many(20, fair_key=key)
    queue.advance(0)
    for task_type, columns in limits.items():
        queue.control(task_type, bucket_at=queue.now, **columns)
    at_once = threading.Barrier(CLAIMERS)

    def greedy(number: int) -> int:
        with another(database) as mine:
            mine.now = queue.now
            at_once.wait()
            return len(mine.claim_all(f"w{number}", slots=slots))

    with ThreadPoolExecutor(CLAIMERS) as pool:
        started = sum(pool.map(greedy, range(CLAIMERS)))

    assert started == most == len(queue.leases())


@pytest.mark.parametrize(
    ("task_type", "limit"), [("work", "concurrency"), ("work", "per_key"), ("*", "concurrency")]
)
def test_what_runs_counts_where_all_that_is_due_would_fit(
    queue: Queue, task_type: str, limit: str
) -> None:
    """Four run and three are due, of a tenant with slots to spare: up to the limit they start."""
    queue.control(task_type, **{limit: 5})
    for due, started in ((4, 4), (3, 1), (0, 0)):
        for _ in range(due):
            queue.insert(fair_key="a")
        assert len(queue.claim_all(slots=50)) == started


def test_a_flood_does_not_starve_others(queue: Queue) -> None:
    """One tenant's 5,000 requests do not make another's wait: turns are taken."""
    queue.insert_many(5000, fair_key="flood")
    for key in ("anna", "ben"):
        queue.insert_many(3, fair_key=key)

    claimed = Counter(row["fair_key"] for row in queue.claim_all(slots=9))

    assert claimed == {"flood": 3, "anna": 3, "ben": 3}


def test_a_full_tenant_blocks_nobody(queue: Queue) -> None:
    """A tenant at its own limit, with the best 1,000 rows, leaves the slots to the others."""
    queue.control("work", per_key=1)
    queue.insert_many(1000, fair_key="full", priority=5)
    other = queue.insert(fair_key="other")
    assert queue.claim(slots=1)[0]["fair_key"] == "full"
    assert [row["id"] for row in queue.claim(slots=5)] == [other]


def test_a_tenant_is_served_in_its_own_order(queue: Queue) -> None:
    """A tenant with room for one gets its best request started, not just any of its own."""
    queue.control("work", per_key=1)
    queue.insert_many(3, fair_key="anna")
    best = queue.insert(fair_key="anna", priority=1)
    assert [row["id"] for row in queue.claim()] == [best]


def test_what_runs_counts_for_whose_turn_it_is(queue: Queue) -> None:
    """Who already has requests running lets another, with a later request, go first."""
    queue.insert_many(3, fair_key="anna")
    assert len(queue.claim(slots=2)) == 2
    later = queue.insert(fair_key="ben")
    assert [row["id"] for row in queue.claim(slots=1)] == [later]


def test_a_tenants_limit_is_per_agent(queue: Queue) -> None:
    """What one agent runs for a tenant takes nothing from its limit at another agent."""
    for task_type in ("work", "other"):
        queue.control(task_type, per_key=1)
        queue.insert(task_type, fair_key="anna")
    assert len(queue.claim(types=("other",))) == 1
    assert len(queue.claim(types=("work",))) == 1
    queue.insert(fair_key="anna")
    assert queue.claim(types=("work", "other")) == []


def test_every_key_gets_its_turn(queue: Queue) -> None:
    """With more keys than one walk visits, the walk goes on where it stopped, and comes round."""
    queue.control("work", concurrency=1000, per_key=1)
    queue.rows(
        "INSERT INTO ai_requests (task_type, fair_key)"
        " SELECT 'work', 'client:' || i FROM generate_series(1, 450) i, generate_series(1, 2)"
    )
    claimed = queue.claim_all(slots=1000)
    assert len({row["fair_key"] for row in claimed}) == len(claimed) == 450


def test_a_full_agent_keeps_its_place_in_the_walk(queue: Queue) -> None:
    """A claim that finds no room does not send the walk back to the first keys."""
    queue.control("work", concurrency=0, key_cursor="client:5")
    queue.insert(fair_key="client:1")
    assert queue.claim() == []
    assert queue.value("SELECT key_cursor FROM ai_control WHERE task_type = 'work'") == "client:5"


def test_after_a_crash_running_work_still_counts(queue: Queue) -> None:
    """When a crash empties the leases, the next claim counts what runs before it starts more."""
    queue.control("work", concurrency=5)
    queue.insert_many(10)
    running = queue.claim_all("w1", slots=4)
    queue.lose_leases()

    assert len(queue.claim_all("w2", slots=10)) == 1
    adopted = {lease["request_id"]: lease["worker_id"] for lease in queue.leases()}
    assert {row["id"]: "w1" for row in running}.items() <= adopted.items()


def test_adopted_work_gets_a_whole_lease(queue: Queue) -> None:
    """What ran through a crash has a full lease time to show that it lives; adopted once."""
    queue.insert()
    [row] = queue.claim("w1")
    queue.advance(LEASE_SECONDS - 1)
    queue.lose_leases()
    queue.claim("w2")
    queue.advance(LEASE_SECONDS - 1)
    assert queue.reap() == []
    assert queue.value("SELECT count(*) FROM ai_lease_epoch") == 1
    queue.advance(2)
    assert [rescued["id"] for rescued in queue.reap()] == [row["id"]]


def committing(queue: Queue, **claim: Any) -> str:
    """Claim, and say how that is committed."""
    queue.rows("BEGIN")
    queue.claim(**claim)
    how = str(queue.value("SHOW synchronous_commit"))
    queue.rows("COMMIT")
    return how


def test_a_claim_waits_for_no_disk(queue: Queue) -> None:
    """It is there before the attempt's end is, and before its first model call."""
    queue.insert()
    assert committing(queue) == "off"
    assert queue.value("SHOW synchronous_commit") == "on"


@pytest.mark.parametrize("setting", ["off", "local"])
def test_a_claim_waits_where_ends_would_not(queue: Queue, setting: str) -> None:
    """Where the server's default is to wait for less, a claim outlives a crash all the same."""
    queue.insert()
    queue.rows(f"SET synchronous_commit = {setting}")
    assert committing(queue) == "on"


def test_what_must_not_begin_twice_waits(queue: Queue) -> None:
    queue.control("work", on_lost="fail")
    queue.insert()
    queue.rows("SET synchronous_commit = remote_write")
    assert committing(queue) == "remote_write"


def test_after_a_crash_no_fence_is_valid_twice(queue: Queue) -> None:
    """A crash may have undone a claim, which the next one follows at a distance and in safety."""
    old = queue.insert()
    [row] = queue.claim("w1")
    queue.undo(row, 0)
    queue.lose_leases()
    assert committing(queue, worker="w1") == "on"
    new = queue.insert()
    assert committing(queue) == "off"
    assert (queue.request(old)["fence"], queue.request(new)["fence"]) == (2, 1)
    assert queue.finish("w1", row) == "foreign"
    assert queue.finish("w1", (old, 2)) == "accepted"


def test_after_a_crash_no_id_is_given_twice(queue: Queue) -> None:
    """A crash may have undone inserts too, whose requests are run still: their ids stay free."""
    old = queue.insert()
    queue.lose_leases()
    assert committing(queue, slots=1) == "on"
    new = queue.insert()
    assert new > old + 90_000
    assert committing(queue) == "off"
    assert queue.request(new)["fence"] == 1


def test_a_crash_is_adopted_without_rights_on_the_ids(queue: Queue) -> None:
    """Whoever may not set the sequence takes what comes next for older than the crash."""
    queue.rows("CREATE ROLE limited")
    try:
        queue.rows("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
        queue.rows("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO limited")
        queue.lose_leases()
        queue.rows("SET ROLE limited")
        queue.claim()
        new = queue.insert()
        assert committing(queue) == "on"
        assert queue.request(new)["fence"] == 2
    finally:
        queue.rows("RESET ROLE")
        queue.rows("DROP OWNED BY limited")
        queue.rows("DROP ROLE limited")

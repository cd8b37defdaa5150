-- Purpose: takes due requests for a worker, within all limits, and tells what is left, and how many
--          transactions of the server have written so far, and whether the claim waits for no disk;
--          see functions/claim_v2.sql and functions/left_v1.sql. One row with id NULL if it took none.
-- Index:   ai_requests_fair, ai_requests_claim, ai_requests_due, ai_requests_unchecked.
-- Caller:  Store.claim.
-- Locks:   the advisory lock of the claim; the requests taken.
--
-- What is left is asked once the claim is done: its argument depends on what was taken.
WITH taken AS MATERIALIZED (
    SELECT id, fence, task_type, attempt, input_data::text AS input_text, requested_by, fair_key,
        created_at, max_usd, on_unavailable, agent_version,
        CASE WHEN isfinite(created_at)
            THEN date_part('epoch', clock_timestamp() - created_at) ELSE 0 END AS waited_seconds,
        refusal
    FROM ai_claim_v2(%(worker_id)s::text, %(types)s::text[], %(slots)s::integer,
        make_interval(secs => %(lease_seconds)s::double precision), %(now)s::timestamptz,
        %(past)s::bigint[])
)
SELECT taken.*, rest.due, rest.unchecked, rest.next_due_seconds,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transactions,
    current_setting(CASE WHEN number.n >= 0 THEN 'synchronous_commit' END) = 'off' AS asynchronous
FROM (SELECT count(*) AS n FROM taken) AS number
CROSS JOIN LATERAL ai_left_v1(
    CASE WHEN number.n >= 0 THEN %(now)s::timestamptz END) AS rest
LEFT JOIN taken ON true

-- Purpose: a request that stands for a replay: its calls are on the ledger under it. In the same
--          transaction replay_start.sql makes it run, so no daemon ever sees it pending.
-- Index:   none.
-- Caller:  python -m daemon replay.
-- Locks:   as an INSERT.
INSERT INTO ai_requests (task_type, input_data, requested_by, fair_key, max_usd, on_unavailable)
VALUES (%(replay_type)s::text, %(input)s::jsonb, %(requested_by)s::text, %(fair_key)s::text,
    %(max_usd)s::numeric, 'degrade')
RETURNING id

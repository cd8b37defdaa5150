-- Purpose: whether any daemon has given a sign of life in the last minute.
-- Index:   none; a handful of rows.
-- Caller:  python -m daemon submit --wait, watch.
-- Locks:   none.
SELECT EXISTS (
    SELECT FROM ai_workers
    WHERE state <> 'stopped' AND heartbeat_at > now() - interval '1 minute') AS alive

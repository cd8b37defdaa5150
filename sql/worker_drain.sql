-- Purpose: a wish that a worker finishes what it has and stops; or the wish taken back.
-- Index:   primary key of ai_workers.
-- Caller:  daemon.web.actions.
-- Locks:   the worker's row.
UPDATE ai_workers w SET drain_requested_at = CASE WHEN %(drain)s::boolean THEN clock_timestamp() END
WHERE w.worker_id = %(worker_id)s::text AND w.state <> 'stopped'
RETURNING w.state

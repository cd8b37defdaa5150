-- Purpose: shows that a worker ended in good order.
-- Index:   primary key of ai_workers.
-- Caller:  Store.worker_stop.
-- Locks:   the worker's row.
UPDATE ai_workers SET state = 'stopped', running = 0, heartbeat_at = clock_timestamp()
WHERE worker_id = %(worker_id)s::text

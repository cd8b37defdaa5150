-- Purpose: shows that a worker lives; tells whether somebody asked it to drain.
-- Index:   primary key of ai_workers.
-- Caller:  Store.worker_upsert.
-- Locks:   the worker's row.
INSERT INTO ai_workers AS w (worker_id, version, host, pid, concurrency, running, state)
VALUES (%(worker_id)s::text, %(version)s::text, %(host)s::text, %(pid)s::integer,
    %(concurrency)s::integer, %(running)s::integer, %(state)s::text)
ON CONFLICT (worker_id) DO UPDATE SET running = excluded.running, state = excluded.state,
    concurrency = excluded.concurrency, heartbeat_at = clock_timestamp()
RETURNING w.drain_requested_at IS NOT NULL AS drain_requested

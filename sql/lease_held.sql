-- Purpose: the attempts whose leases are a worker's.
-- Index:   ai_leases is read whole, it is small.
-- Caller:  Store.leases_held, after a claim whose answer was lost.
-- Locks:   none.
SELECT l.request_id, l.fence FROM ai_leases l WHERE l.worker_id = %(worker_id)s::text

-- Purpose: the state of each component as the daemon's own timer found it; begun is how many states
--          are new.
-- Index:   ai_system_health_newest.
-- Caller:  HealthStore.health_put, each minute.
-- Locks:   an advisory one per transaction, and the newest row of each component.
SELECT ai_health_state_v1(%(states)s::jsonb, %(worker_id)s::text) AS begun

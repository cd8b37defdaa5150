-- Purpose: somebody takes care of an open alert.
-- Index:   primary key of ai_alerts.
-- Caller:  Actions.acknowledge.
-- Locks:   see ai_acknowledge.
SELECT ai_acknowledge(%(alert_id)s::bigint, %(by)s::text, %(channel)s::text) AS changed

-- Purpose: deletes a few alerts that were over long ago, with their deliveries.
-- Index:   ai_alerts_opened; ai_alert_deliveries_alert.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_alerts WHERE id = ANY (ARRAY(
        SELECT a.id FROM ai_alerts a
        WHERE a.opened_at < now() - make_interval(secs => %(older_seconds)s::double precision)
            AND a.resolved_at IS NOT NULL
        ORDER BY a.opened_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone

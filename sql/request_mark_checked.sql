-- Purpose: notes that intake found nothing wrong with these requests.
-- Index:   primary key of ai_requests.
-- Caller:  Store.mark_checked.
-- Locks:   those requests, unless somebody holds them; they are looked at again then.
--
-- Rings: a claim that passes by at this moment steps round the rows that are held here, and whoever
-- made it would go to sleep over them.
WITH marked AS (
    UPDATE ai_requests r SET checked = true
    WHERE r.id = ANY (ARRAY(
            SELECT q.id FROM ai_requests q
            WHERE q.id = ANY (%(ids)s::bigint[]) AND q.status = 'pending' AND NOT q.checked
            ORDER BY q.id
            FOR UPDATE SKIP LOCKED))
        AND r.status = 'pending'
    RETURNING r.id, r.run_after
),
rung AS (
    SELECT ai_ring() FROM (SELECT FROM marked WHERE run_after <= now() LIMIT 1) z
)
SELECT m.id FROM marked m, (SELECT count(*) FROM rung) b

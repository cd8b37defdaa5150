-- Purpose: notes that intake found nothing wrong with these requests.
-- Index:   primary key of ai_requests.
-- Caller:  Store.mark_checked.
-- Locks:   those requests, unless somebody holds them; they are looked at again then.
UPDATE ai_requests r SET checked = true
WHERE r.id = ANY (ARRAY(
        SELECT q.id FROM ai_requests q
        WHERE q.id = ANY (%(ids)s::bigint[]) AND q.status = 'pending' AND NOT q.checked
        ORDER BY q.id
        FOR UPDATE SKIP LOCKED))
    AND r.status = 'pending'

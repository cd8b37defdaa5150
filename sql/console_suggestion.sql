-- Purpose: a suggestion about the main app's code, and the pending one that comes after it.
-- Index:   primary key of ai_code_suggestions; ai_code_suggestions_listed.
-- Caller:  the console: a suggestion's page.
-- Locks:   none.
SELECT s.*, (
    SELECT n.id FROM ai_code_suggestions n
    WHERE n.status = 'pending' AND (n.created_at, n.id) < (s.created_at, s.id)
    ORDER BY n.created_at DESC, n.id DESC LIMIT 1) AS next_id
FROM ai_code_suggestions s
WHERE s.id = %(suggestion_id)s::bigint

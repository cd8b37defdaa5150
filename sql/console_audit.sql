-- Purpose: one page of what was changed, by whom and how, newest first.
-- Index:   primary key of ai_audit_log.
-- Caller:  the console: audit, and beside what was changed. Planned anew for its values.
-- Locks:   none.
SELECT l.id, l.at, l.actor, l.channel, l.action, l.target, l.before, l.after, l.origin
FROM ai_audit_log l
WHERE (%(before)s::bigint IS NULL OR l.id < %(before)s::bigint)
    AND (%(actor)s::text IS NULL OR l.actor = %(actor)s::text)
    AND (%(action)s::text IS NULL OR l.action = %(action)s::text)
    AND (%(target)s::text IS NULL OR l.target = %(target)s::text)
ORDER BY l.id DESC LIMIT %(limit)s::integer

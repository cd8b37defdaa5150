-- Purpose: signs a person out.
-- Index:   primary key of ai_sessions.
-- Caller:  daemon.web.access, daemon.web.actions.
-- Locks:   the session.
UPDATE ai_sessions s SET revoked_at = now(), revoked_by = %(by)s::text
WHERE s.id = %(session_id)s::bigint AND s.revoked_at IS NULL
RETURNING s.name, s.role, s.address

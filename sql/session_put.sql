-- Purpose: signs a person in.
-- Index:   none.
-- Caller:  daemon.web.access.
-- Locks:   the key, against being deleted.
INSERT INTO ai_sessions (token_hash, key_id, name, role, address, expires_at)
VALUES (%(hash)s::bytea, %(key_id)s::bigint, %(name)s::text, %(role)s::text, %(address)s::text,
    now() + make_interval(secs => %(seconds)s::double precision))
RETURNING id

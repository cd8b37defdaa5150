-- Purpose: makes a key; nothing if a key of that name is in use.
-- Index:   ai_api_keys_name.
-- Caller:  daemon.web.actions; python -m daemon keys add.
-- Locks:   none beyond the new row.
INSERT INTO ai_api_keys (name, role, hash, prefix, created_by, expires_at)
VALUES (%(name)s::text, %(role)s::text, %(hash)s::bytea, %(prefix)s::text, %(by)s::text,
    %(expires_at)s::timestamptz)
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id

-- Purpose: erases what our tables hold of a client; see functions/forget_client.sql.
-- Index:   as there.
-- Caller:  daemon.commands.forget.
-- Locks:   as there.
SELECT ai_forget_client(%(client_id)s::bigint, %(actor)s::text, %(channel)s::text) AS rows

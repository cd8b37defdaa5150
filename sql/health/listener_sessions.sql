-- Check:    listener.sessions
-- Unit:     count
-- Worse:    low
-- Warning:  0
-- Critical: 0
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     daemons that hold a listening session: {value}
-- Remedy:   is a daemon running? its log says why it cannot listen
--
-- Needed, but no proof: behind a transaction pooler there is one and nothing arrives. A listener with
-- an open transaction does not count: it holds up the whole queue.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('workers', jsonb_agg(a.application_name)) AS detail
FROM pg_stat_activity a
WHERE a.application_name ~ '^ai-daemon/.*/listener$' AND a.datname = current_database()
    AND coalesce(a.state, 'idle') NOT IN ('idle in transaction', 'idle in transaction (aborted)')

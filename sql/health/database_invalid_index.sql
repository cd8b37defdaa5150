-- Check:    database.invalid_index
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     invalid indexes, which cost writes and serve no read: {indexes}
-- Remedy:   REINDEX INDEX CONCURRENTLY name, once no two rows are the same where it is unique; or DROP
--           INDEX CONCURRENTLY name where it ends in _ccnew or _ccold
--
-- A failed CREATE INDEX CONCURRENTLY leaves one behind; one that is being built does not count.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('indexes', jsonb_agg(i.indexrelid::regclass::text)) AS detail
FROM pg_index i
WHERE (NOT i.indisvalid OR NOT i.indisready) AND NOT EXISTS (
    SELECT FROM pg_stat_progress_create_index p WHERE p.relid = i.indrelid)

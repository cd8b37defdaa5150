-- Check:    database.foreign_key_without_index
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    86400 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     foreign keys of large tables that have no index: {keys}
-- Remedy:   CREATE INDEX CONCURRENTLY on the key's columns: without it a delete in the table that is
--           referred to scans this one, and so does each read of one client's rows
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('keys', jsonb_agg(k.conrelid::regclass::text || '.' || k.conname)) AS detail
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND c.reltuples >= %(foreign_key_rows)s::float8
    AND NOT EXISTS (
        SELECT FROM pg_index i
        CROSS JOIN LATERAL (
            SELECT (i.indkey::int2[])[0:array_length(k.conkey, 1) - 1] AS first_columns) f
        WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
            AND f.first_columns @> k.conkey AND k.conkey @> f.first_columns)

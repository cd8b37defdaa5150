-- Check:    database.cache_hit
-- Unit:     percent
-- Worse:    low
-- Warning:  90
-- Critical: never
-- Notice:   yes
-- Every:    900 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     {value} of the blocks read came from memory, since the statistics began
-- Remedy:   more shared_buffers or memory; look for sequential scans of large tables
SELECT round(100.0 * d.blks_hit / (d.blks_hit + d.blks_read), 2)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('hit', d.blks_hit, 'read', d.blks_read) AS detail
FROM pg_stat_database d
WHERE d.datname = current_database() AND d.blks_hit + d.blks_read >= 100000

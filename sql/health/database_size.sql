-- Check:    database.size
-- Unit:     percent
-- Warning:  80
-- Critical: 90
-- Every:    900 seconds
-- Needs:    CONNECT on the database
-- Servers:  13 and newer
-- Says:     the database takes {value} of its disk ({bytes} bytes)
-- Remedy:   enlarge the disk; prune what is old; look for the largest tables in pg_total_relation_size
--
-- No SQL function knows the disk: disk_gigabytes in the health agent's config does. Without it there
-- is nothing to compare with.
SELECT round(100.0 * pg_database_size(current_database())
        / nullif(%(disk_bytes)s::numeric, 0), 1)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('bytes', pg_database_size(current_database())) AS detail

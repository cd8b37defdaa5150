-- Check:    database.checksum_failures
-- Unit:     count
-- Warning:  1
-- Critical: 1
-- Every:    900 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     blocks on disk that did not match their checksum: {value}, last at {last}
-- Remedy:   stop writing, copy the files as they are, restore a backup that is older than the first
--           failure
SELECT d.checksum_failures::float8 AS value, 0 AS hidden,
    jsonb_build_object('last', d.checksum_last_failure) AS detail
FROM pg_stat_database d
WHERE d.datname = current_database() AND d.checksum_failures IS NOT NULL

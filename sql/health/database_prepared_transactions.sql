-- Check:    database.prepared_transactions
-- Unit:     seconds
-- Warning:  60
-- Critical: 600
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     a prepared transaction ({gids}) waits for its second phase for {value}
-- Remedy:   ROLLBACK PREPARED 'gid' (or COMMIT PREPARED), by its owner, in this database
SELECT max(greatest(0, extract(epoch FROM now() - p.prepared)))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('gids', jsonb_agg(p.gid), 'owners', jsonb_agg(DISTINCT p.owner)) AS detail
FROM pg_prepared_xacts p
WHERE p.database = current_database()
HAVING count(*) > 0

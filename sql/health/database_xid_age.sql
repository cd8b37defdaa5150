-- Check:    database.xid_age
-- Unit:     percent
-- Warning:  40
-- Critical: 75
-- Every:    900 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     {value} of the way to transaction id wraparound is gone
-- Remedy:   find what holds the horizon (database.xmin_horizon), then VACUUM (FREEZE) the tables with
--           the highest age(relfrozenxid)
SELECT round(greatest(max(age(d.datfrozenxid)), max(mxid_age(d.datminmxid)))::numeric
        / 2146483647 * 100, 2)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('xid', max(age(d.datfrozenxid)),
        'multixact', max(mxid_age(d.datminmxid))) AS detail
FROM pg_database d

-- Purpose: whether some transaction waits to commit because another with a notification commits.
-- Index:   none.
-- Caller:  Store.notifiers_queue.
-- Locks:   none; reads the server's lock table.
--
-- The server lets one notifying transaction at a time commit, under this lock on no database at all.
SELECT EXISTS (
    SELECT FROM pg_locks l
    WHERE l.locktype = 'object' AND l.database = 0 AND l.classid = 'pg_database'::regclass
        AND l.objid = 0 AND NOT l.granted) AS queued

-- Purpose: the ids of an answer's items, wherever in it they stand: those that begin with the
--          request's own number and a dash. NULL where it has none.
-- Index:   primary key of ai_results.
-- Caller:  daemon.web.actions, for a word on one of them.
-- Locks:   none.
SELECT array_agg(i.id ORDER BY length(i.id), i.id) AS items
FROM (
    SELECT DISTINCT found #>> '{}' AS id
    FROM ai_results r
    CROSS JOIN LATERAL jsonb_path_query(r.result, 'lax $.**.id ? (@ starts with $begin)',
        jsonb_build_object('begin', r.request_id || '-')) AS found
    WHERE r.request_id = %(request_id)s::bigint
) i

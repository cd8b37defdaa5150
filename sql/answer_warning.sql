-- Purpose: puts a warning into an answer, in place of those that begin in the same way; NULL: only
--          takes those away.
-- Index:   primary key of ai_results.
-- Caller:  Store.complete, in its transaction; Store.redo_projections.
-- Locks:   the result's row, where its warnings change.
UPDATE ai_results r SET result = jsonb_set(r.result, '{data_warnings}', told.warnings)
FROM (
    SELECT q.request_id, coalesce(jsonb_agg(w.warning ORDER BY w.ord) FILTER (
            WHERE NOT starts_with(w.warning #>> '{}', %(beginning)s::text)), '[]')
        || CASE WHEN %(rest)s::text IS NULL THEN '[]'::jsonb
            ELSE jsonb_build_array(%(beginning)s::text || %(rest)s::text) END
        AS warnings
    FROM ai_results q
    LEFT JOIN LATERAL jsonb_array_elements(q.result -> 'data_warnings')
        WITH ORDINALITY AS w (warning, ord) ON true
    WHERE q.request_id = %(request_id)s::bigint
        AND jsonb_typeof(q.result -> 'data_warnings') = 'array'
    GROUP BY q.request_id
) told
WHERE r.request_id = told.request_id AND r.result -> 'data_warnings' <> told.warnings

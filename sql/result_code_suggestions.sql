-- Purpose: findings in code as rows: one per finding for its whole life, however often it is seen; and
--          what is no longer found is marked as gone. Their ids go into the result they belong to.
-- Index:   ai_code_suggestions_identity, ai_code_suggestions_file.
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   the rows of those findings, in the order of their fingerprints; the result's row.
--
-- rows is an array of one object: repository; suggestions, objects with the columns' names, worst
-- first; seen, all fingerprints that were found; files, the files that were looked at in full; whole,
-- true where these are all there are, but for the skipped ones. What stands in such a file, or in
-- one that is no longer there, and was not seen is gone. A status is a person's: what was rejected
-- stays so.
-- Doing it again changes nothing but the times: a request counts once.
WITH given AS (
    SELECT g.repository, coalesce(g.suggestions, '[]') AS suggestions, coalesce(g.seen, '{}') AS seen,
        coalesce(g.files, '{}') AS files, coalesce(g.whole, false) AS whole,
        coalesce(g.skipped, '{}') AS skipped
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS g(repository text, suggestions jsonb, seen text[],
        files text[], whole boolean, skipped text[])
),
found AS (
    SELECT given.repository, x.ord, f.*
    FROM given
    CROSS JOIN LATERAL jsonb_array_elements(given.suggestions) WITH ORDINALITY AS x(item, ord)
    CROSS JOIN LATERAL jsonb_to_record(x.item) AS f(file_path text, issue_type text, severity text,
        description text, suggestion text, code_snippet text, fingerprint text, rule text,
        aliases text[], sources text[], cwe text, line integer, end_line integer, scope text,
        confidence text, explanation text, existing_code text, replacement_code text, diff text,
        fixer text, gate jsonb, taint_path jsonb, base_blob text, cost_usd numeric)
),
kept AS (
    INSERT INTO ai_code_suggestions AS s (request_id, repository, file_path, issue_type, severity,
        description, suggestion, code_snippet, fingerprint, rule, aliases, sources, cwe, line,
        end_line, scope, confidence, explanation, existing_code, replacement_code, diff, fixer, gate,
        taint_path, base_blob, cost_usd)
    SELECT %(request_id)s::bigint, f.repository, left(f.file_path, 500), f.issue_type, f.severity,
        f.description, f.suggestion, f.code_snippet, f.fingerprint, f.rule,
        coalesce(f.aliases, '{}'), coalesce(f.sources, '{}'), f.cwe, f.line, f.end_line, f.scope,
        f.confidence, f.explanation, f.existing_code, f.replacement_code, f.diff, f.fixer, f.gate,
        f.taint_path, f.base_blob, f.cost_usd
    FROM found f
    ORDER BY f.repository, f.fingerprint
    ON CONFLICT (repository, fingerprint) DO UPDATE SET
        severity = excluded.severity, description = excluded.description,
        aliases = excluded.aliases, sources = excluded.sources, line = excluded.line,
        end_line = excluded.end_line, confidence = excluded.confidence,
        code_snippet = excluded.code_snippet, taint_path = excluded.taint_path,
        suggestion = CASE WHEN excluded.gate IS NULL THEN s.suggestion ELSE excluded.suggestion END,
        explanation = coalesce(excluded.explanation, s.explanation),
        existing_code = CASE WHEN excluded.gate IS NULL THEN s.existing_code
            ELSE excluded.existing_code END,
        replacement_code = CASE WHEN excluded.gate IS NULL THEN s.replacement_code
            ELSE excluded.replacement_code END,
        diff = CASE WHEN excluded.gate IS NULL THEN s.diff ELSE excluded.diff END,
        fixer = CASE WHEN excluded.gate IS NULL THEN s.fixer ELSE excluded.fixer END,
        base_blob = CASE WHEN excluded.gate IS NULL THEN s.base_blob ELSE excluded.base_blob END,
        gate = coalesce(excluded.gate, s.gate),
        cost_usd = coalesce(s.cost_usd + excluded.cost_usd, excluded.cost_usd, s.cost_usd),
        last_seen_at = now(), seen_count = s.seen_count + 1, gone_at = NULL,
        resolved_at = CASE WHEN s.status IN ('rejected', 'applied') THEN s.resolved_at END
    RETURNING s.id, s.repository, s.fingerprint, s.status, s.request_id, s.seen_count
),
again AS (
    UPDATE ai_code_suggestions s
    SET gone_at = NULL, last_seen_at = now(), seen_count = s.seen_count + 1,
        resolved_at = CASE WHEN s.status IN ('rejected', 'applied') THEN s.resolved_at END
    FROM given g
    WHERE s.repository = g.repository AND s.fingerprint = ANY (g.seen)
        AND NOT EXISTS (SELECT FROM found f
            WHERE f.repository = s.repository AND f.fingerprint = s.fingerprint)
),
gone AS (
    UPDATE ai_code_suggestions s
    SET gone_at = now(), resolved_at = coalesce(s.resolved_at, now())
    FROM given g
    WHERE s.repository = g.repository AND s.gone_at IS NULL
        AND (s.file_path = ANY (g.files) OR g.whole AND s.file_path <> ALL (g.skipped))
        AND s.request_id IS NOT NULL AND s.fingerprint <> ALL (g.seen)
    RETURNING s.id
)
UPDATE ai_results r
SET result = r.result || jsonb_build_object(
    'suggestions_created', (SELECT count(*) FROM kept k
        WHERE k.request_id = %(request_id)s::bigint AND k.seen_count = 1),
    'suggestion_ids', coalesce((SELECT jsonb_agg(k.id ORDER BY f.ord)
        FROM kept k JOIN found f USING (repository, fingerprint) WHERE k.status <> 'rejected'), '[]'),
    'suggestions_gone', (SELECT count(*) FROM gone))
WHERE r.request_id = %(request_id)s::bigint

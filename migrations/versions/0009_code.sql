-- Where code is read from, a row per source. The settings name the sources; a row is made when a
-- daemon first knows one, and an admin may switch it off, choose a branch or another pace.
CREATE TABLE ai_code_sources (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('checkout', 'archive', 'image')),
    location text NOT NULL,
    repository text NOT NULL,
    branch text,
    last_commit text,
    etag text,
    last_checked_at timestamptz,
    every_seconds integer NOT NULL DEFAULT 900 CHECK (every_seconds >= 30),
    enabled boolean NOT NULL DEFAULT true,
    problem text,
    request_id bigint,
    created_at timestamptz NOT NULL DEFAULT now()
);

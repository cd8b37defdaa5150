-- Roll-ups for long windows.
--
-- A row per hour and agent, and one for all agents together ('*'), which also says that the hour was
-- counted. Buckets: the i-th number counts durations from edge i-1 to edge i of ai_edges_v1().
CREATE TABLE ai_hours (
    hour timestamptz NOT NULL,
    task_type text NOT NULL,
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    expired integer NOT NULL DEFAULT 0,
    degraded integer NOT NULL DEFAULT 0,
    tried_again integer NOT NULL DEFAULT 0,
    seconds integer[] NOT NULL DEFAULT '{}',
    wait_seconds integer[] NOT NULL DEFAULT '{}',
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (hour, task_type)
);
CREATE TABLE ai_call_hours (
    hour timestamptz NOT NULL,
    task_type text NOT NULL,
    model text NOT NULL,
    calls integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cached_answers integer NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    cached_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_usd numeric(14, 8) NOT NULL DEFAULT 0,
    unpriced_usd numeric(14, 8) NOT NULL DEFAULT 0,
    uncertain_usd numeric(14, 8) NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, task_type, model)
);

COMMENT ON TABLE ai_hours IS 'What ended in each hour, by agent and for all together (*): counts and durations. Counted again by the daemon while an hour is young; kept 400 days.';
COMMENT ON COLUMN ai_hours.hour IS 'Start of the hour, UTC.';
COMMENT ON COLUMN ai_hours.task_type IS 'The agent; * is all together, and says that the hour was counted.';
COMMENT ON COLUMN ai_hours.completed IS 'Requests that were answered.';
COMMENT ON COLUMN ai_hours.failed IS 'Requests that ended without an answer.';
COMMENT ON COLUMN ai_hours.cancelled IS 'Requests that somebody stopped.';
COMMENT ON COLUMN ai_hours.expired IS 'Requests that did not start in time.';
COMMENT ON COLUMN ai_hours.degraded IS 'Of the completed: answered without the model that was wanted.';
COMMENT ON COLUMN ai_hours.tried_again IS 'Requests that took more than one attempt.';
COMMENT ON COLUMN ai_hours.seconds IS 'Histogram of the answering attempt''s duration, completed requests; edges: ai_edges_v1().';
COMMENT ON COLUMN ai_hours.wait_seconds IS 'Histogram of the wait from due to started, requests answered at the first attempt.';
COMMENT ON COLUMN ai_hours.counted_at IS 'When the hour was counted.';
COMMENT ON TABLE ai_call_hours IS 'What model calls did and cost in each hour, by agent and model. Counted with ai_hours.';
COMMENT ON COLUMN ai_call_hours.hour IS 'Start of the hour in which the call began, UTC.';
COMMENT ON COLUMN ai_call_hours.task_type IS 'The agent that asked.';
COMMENT ON COLUMN ai_call_hours.model IS 'The model that answered, else the one asked.';
COMMENT ON COLUMN ai_call_hours.calls IS 'Calls that went to a provider.';
COMMENT ON COLUMN ai_call_hours.failed IS 'Calls that failed.';
COMMENT ON COLUMN ai_call_hours.cached_answers IS 'Answers that were bought before and taken again.';
COMMENT ON COLUMN ai_call_hours.input_tokens IS 'Tokens sent, cached ones included.';
COMMENT ON COLUMN ai_call_hours.cached_tokens IS 'Of these, read from the provider''s cache.';
COMMENT ON COLUMN ai_call_hours.output_tokens IS 'Tokens written, reasoning included.';
COMMENT ON COLUMN ai_call_hours.cost_usd IS 'Measured cost in US dollars.';
COMMENT ON COLUMN ai_call_hours.unpriced_usd IS 'Counted at the worst case, since the model has no price.';
COMMENT ON COLUMN ai_call_hours.uncertain_usd IS 'Counted because the answer never came and may have been billed.';

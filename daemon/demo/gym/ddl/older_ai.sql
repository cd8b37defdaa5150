-- The five tables of the older AI service, as its models create them: no default but the serials.

CREATE TABLE ai_agents (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    type varchar(50) NOT NULL,
    description text,
    status varchar(20),
    config json,
    enabled boolean,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE ai_system_health (
    id serial PRIMARY KEY,
    component varchar(100) NOT NULL,
    status varchar(20) NOT NULL,
    message text,
    metrics json,
    checked_at timestamp
);

CREATE TABLE ai_code_suggestions (
    id serial PRIMARY KEY,
    file_path varchar(500) NOT NULL,
    issue_type varchar(50) NOT NULL,
    severity varchar(20) NOT NULL,
    description text NOT NULL,
    suggestion text NOT NULL,
    code_snippet text,
    status varchar(20),
    created_at timestamp,
    resolved_at timestamp
);

CREATE TABLE ai_agent_executions (
    id serial PRIMARY KEY,
    agent_id integer NOT NULL REFERENCES ai_agents (id),
    status varchar(20) NOT NULL,
    input_data json,
    output_data json,
    error_message text,
    execution_time double precision,
    started_at timestamp,
    completed_at timestamp
);

CREATE TABLE ai_agent_metrics (
    id serial PRIMARY KEY,
    agent_id integer NOT NULL REFERENCES ai_agents (id),
    metric_type varchar(50) NOT NULL,
    metric_value double precision NOT NULL,
    period_start timestamp NOT NULL,
    period_end timestamp NOT NULL,
    created_at timestamp
);

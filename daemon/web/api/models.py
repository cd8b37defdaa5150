"""What goes in and comes out, as pydantic models: the source of the OpenAPI document.

Callers that exist already read these shapes: ids are integers, lists are never null, times end
in ``Z``, ``execution_time`` is a number of seconds or null. What a caller sends beyond a shape
that is older than this service is ignored, and named in the answer where an agent is made or
changed; requests to ``/api/execute`` are strict, so that a misspelt option is not silently lost.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

Json = Any
Id = Annotated[int, Field(ge=0, le=2**53)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Status = Literal["pending", "running", "waiting", "completed", "failed", "cancelled", "expired"]
Severity = Literal["critical", "high", "medium", "low"]
SuggestionStatus = Literal["pending", "accepted", "rejected", "applied"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Telling(BaseModel):
    """Takes what it does not know, so that the answer can name it."""

    model_config = ConfigDict(extra="allow")


class Error(BaseModel):
    """Why something was not done. error: for people; code: for programs; hint: what helps."""

    model_config = ConfigDict(extra="allow")

    error: str
    code: str
    hint: str


class Message(BaseModel):
    message: str


# --- execute ------------------------------------------------------------------------------------


class ExecuteBody(Strict):
    """Ask an agent."""

    task_type: Word = Field(description="A type of GET /api/agents.")
    input_data: dict[str, Json] = Field(
        default_factory=dict,
        description="What the agent takes: input_schema of GET /api/agents/{id}.",
    )
    wait_seconds: float = Field(
        18.0, ge=0, le=20, description="How long the answer may take before 202 is sent instead."
    )
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = (
        Field(
            None,
            description="Makes one request of all calls with the same key, task_type, input_data"
            " and requested_by.",
        )
    )
    priority: int = Field(0, ge=-32768, le=32767, description="Higher first.")
    fair_key: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="Whose turn it is, such as trainer:3: a flood of one waits for the others."
    )
    requested_by: Word | None = Field(
        None, description="trainer:12, client:7 or user:3, whose right to the client is checked."
    )
    max_usd: Decimal | None = Field(
        None, ge=0, le=999_999, description="Most that the model may cost, in US dollars."
    )
    on_unavailable: Literal["degrade", "wait", "fail"] | None = Field(
        None,
        description="What to do where the model is not to be had; null leaves it to the agent.",
    )


class Executed(BaseModel):
    """An answer. results: ``ai_results.result`` word for word; their shape is result_schema of
    ``GET /api/agents/{id}``. mode: where the words come from; degraded: a model was wanted and not
    to be had, for degraded_reason, and the answer is complete all the same."""

    success: Literal[True]
    request_id: Id
    status: Literal["completed"]
    mode: Literal["full", "degraded", "deterministic"]
    degraded_reason: str | None
    results: dict[str, Json]
    cost_usd: float | None


class Accepted(BaseModel):
    """Not answered yet: look at ``/api/executions/{request_id}``, or its ``/events``."""

    success: Literal[False]
    request_id: Id
    status: Status
    message: str


class ExecuteFailed(Error):
    """A request that ended without an answer. retryable: whether it may succeed when asked again
    later; null where it was cancelled or has expired."""

    success: Literal[False]
    request_id: Id
    status: Status
    retryable: bool | None


# --- executions ---------------------------------------------------------------------------------


class Execution(BaseModel):
    """A request. output_data: what ``/api/execute`` calls results, {} without an answer;
    truncated: it, or the input, is too large for a list. execution_time: seconds."""

    id: Id
    agent_id: Id | None
    task_type: str
    status: Status
    mode: str | None
    degraded_reason: str | None
    attempt: int
    input_data: Json
    output_data: Json
    truncated: bool
    error_message: str | None
    error: dict[str, Json] | None
    execution_time: float | None
    cost_usd: float | None
    requested_by: str | None
    created_at: Moment
    started_at: Moment | None
    completed_at: Moment | None


class Executions(BaseModel):
    """total: counted up to 10,000, exact below. next_cursor: where the next page begins. ignored:
    parameters that this list has not, and that filter nothing."""

    executions: list[Execution]
    total: int
    total_is_exact: bool
    page: int
    per_page: int
    pages: int
    next_cursor: str | None
    ignored: list[str]


class OneExecution(BaseModel):
    execution: Execution


class ExecutionsQuery(Telling):
    page: int = Field(1, ge=1, le=10_000)
    per_page: int = Field(50, ge=1, le=100)
    agent_id: int | None = Field(None, ge=0, le=2**31 - 1)
    task_type: Word | None = None
    status: Status | None = None
    cursor: Annotated[str, StringConstraints(max_length=100)] | None = None


class Changed(BaseModel):
    message: str
    request_id: Id


# --- agents -------------------------------------------------------------------------------------


class Agent(BaseModel):
    id: Id
    name: str
    type: str
    description: str
    status: Literal["active", "inactive", "error", "archived"]
    config: dict[str, Json]
    enabled: bool
    version: int
    problem: str | None
    paused: bool
    created_at: Moment
    updated_at: Moment


class DescribedAgent(Agent):
    """input_schema, result_schema: JSON Schema of what it takes as ``input_data`` and gives as
    ``results``; null where its configuration cannot be used."""

    input_schema: dict[str, Json] | None
    result_schema: dict[str, Json] | None


class Agents(BaseModel):
    agents: list[Agent]
    total: int


class OneAgent(BaseModel):
    agent: DescribedAgent


class SavedAgent(BaseModel):
    """ignored: fields of the body that no agent has, a misspelt one too."""

    message: str
    agent: Agent
    ignored: list[str]


Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Note = Annotated[str, StringConstraints(max_length=500)]


class NewAgent(Telling):
    name: Name
    type: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    description: Annotated[str, StringConstraints(max_length=5000)] | None = None
    config: dict[str, Json] | None = None
    enabled: bool = True
    note: Note = ""


class AgentChange(Telling):
    """What is left out stays. version: the one this change is based on; another is a conflict."""

    name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=5000)] | None = None
    config: dict[str, Json] | None = None
    enabled: bool | None = None
    version: int | None = Field(None, ge=1, le=2**31 - 1)
    note: Note = ""


# --- health, metrics, suggestions, feedback, approvals ------------------------------------------


class HealthCheck(BaseModel):
    """A component. metrics: by check, in the unit that ``checks`` names."""

    id: Id
    component: str
    status: Literal["healthy", "warning", "critical"]
    message: str
    metrics: dict[str, Json]
    checked_at: Moment


class OpenAlert(BaseModel):
    id: Id
    check_id: str
    target: str
    severity: str
    state: str
    opened_at: Moment
    message: str
    remedy: str | None


class HealthChecks(BaseModel):
    """status: the worst of the components. checks: what this daemon found last, one by one."""

    health_checks: list[HealthCheck]
    total: int
    status: Literal["healthy", "warning", "critical"]
    checks: list[dict[str, Json]]
    alerts: list[OpenAlert]


class Metric(BaseModel):
    """A number of an agent's hour. success_rate: a share, 0 to 1; cost_usd: US dollars; the others
    count requests that ended in it."""

    id: Id
    agent_id: Id
    metric_type: Literal["requests", "success_rate", "failures", "degraded", "retried", "cost_usd"]
    metric_value: float
    period_start: Moment
    period_end: Moment
    created_at: Moment


class Metrics(BaseModel):
    metrics: list[Metric]
    total: int


class MetricsQuery(Lenient):
    agent_id: int | None = Field(None, ge=0, le=2**31 - 1)
    hours: int = Field(24, ge=1, le=168)


class Suggestion(BaseModel):
    id: Id
    file_path: str
    line: int | None
    issue_type: str
    severity: Severity
    description: str
    suggestion: str
    code_snippet: str
    diff: str | None
    rule: str
    confidence: str | None
    status: SuggestionStatus
    decided_by: str | None
    reason: str | None
    created_at: Moment
    resolved_at: Moment | None


class Suggestions(BaseModel):
    suggestions: list[Suggestion]
    total: int


class SuggestionsQuery(Lenient):
    status: SuggestionStatus = "pending"
    severity: Severity | None = None


class Decision(Lenient):
    status: SuggestionStatus
    reason: Annotated[str, StringConstraints(max_length=2000)] | None = None


class DecidedSuggestion(BaseModel):
    message: str
    suggestion: Suggestion


class FeedbackBody(Lenient):
    """What somebody thinks of an answer. recommendation_id: the id of one of its items, as the
    answer has it (``412-1``), or the request's own."""

    recommendation_id: Word | StrictInt
    feedback: Literal["helpful", "not_helpful", "incorrect"]
    agent_type: Annotated[str, StringConstraints(max_length=200)] | None = None
    user_id: Annotated[str, StringConstraints(max_length=200)] | StrictInt | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] | None = None


class FeedbackGiven(BaseModel):
    success: Literal[True]
    message: str
    id: Id
    request_id: Id


class Approval(BaseModel):
    """A question that waits for a person, or was answered."""

    id: Id
    request_id: Id
    key: str
    task_type: str
    question: Json
    decision: str | None
    decided_by: str | None
    decided_at: Moment | None
    expires_at: Moment | None
    created_at: Moment


class Approvals(BaseModel):
    approvals: list[Approval]
    total: int


class ApprovalsQuery(Lenient):
    every: bool = Field(False, alias="all")


class Answer(Strict):
    """answer: what else the agent is told. A rejection needs a reason."""

    decision: Literal["approve", "reject"]
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""
    answer: dict[str, Json] | None = None


class OneApproval(BaseModel):
    message: str
    approval: Approval

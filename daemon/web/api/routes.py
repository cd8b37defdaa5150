"""The API's surface: each route with the least role that may use it, and both ends' shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from daemon.web.access import ACCESS, Access, Handler, Role, require
from daemon.web.api import models
from daemon.web.api.agents import Agents
from daemon.web.api.document import Document
from daemon.web.api.execute import Execute
from daemon.web.api.executions import Executions
from daemon.web.api.insights import Insights
from daemon.web.api.shared import Parts

Model = type[BaseModel]


@dataclass(frozen=True)
class Route:
    """One method on one path. least: the role; service: the main app's key too.

    answers: models by status; errors: statuses that carry ``models.Error`` besides those that
    every route has. events: the answer is a stream of server-sent events.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    handler: str
    summary: str
    answers: Mapping[int, Model | None]
    least: Role = "viewer"
    service: bool = False
    query: Model | None = None
    body: Model | None = None
    errors: tuple[int, ...] = ()
    events: bool = False
    tags: tuple[str, ...] = field(default=("executions",))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/api/execute",
        "execute.execute",
        "Ask an agent, and wait for the answer",
        {200: models.Executed, 202: models.Accepted},
        least="operator",
        service=True,
        body=models.ExecuteBody,
        errors=(409, 413, 422, 500),
    ),
    Route(
        "GET",
        "/api/executions",
        "executions.show",
        "Requests, newest first",
        {200: models.Executions},
        service=True,
        query=models.ExecutionsQuery,
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/executions/{id}",
        "executions.one",
        "One request with its answer",
        {200: models.OneExecution, 304: None},
        service=True,
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/executions/{id}/cancel",
        "executions.cancel",
        "Ask a request to stop",
        {202: models.Changed},
        least="operator",
        service=True,
        errors=(404, 409),
    ),
    Route(
        "POST",
        "/api/executions/{id}/retry",
        "executions.retry",
        "Reopen a failed, cancelled or expired request",
        {202: models.Changed},
        least="operator",
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/api/executions/{id}/events",
        "executions.events",
        "Follow a request: events progress, status, end",
        {200: None},
        service=True,
        errors=(404,),
        events=True,
    ),
    Route(
        "GET",
        "/api/agents",
        "agents.show",
        "The agents in use",
        {200: models.Agents, 304: None},
        service=True,
        tags=("agents",),
    ),
    Route(
        "POST",
        "/api/agents",
        "agents.add",
        "Create an agent",
        {201: models.SavedAgent},
        least="admin",
        body=models.NewAgent,
        errors=(413,),
        tags=("agents",),
    ),
    Route(
        "GET",
        "/api/agents/{id}",
        "agents.one",
        "One agent, and the shapes of what it takes and gives",
        {200: models.OneAgent, 304: None},
        service=True,
        errors=(404,),
        tags=("agents",),
    ),
    Route(
        "PUT",
        "/api/agents/{id}",
        "agents.change",
        "Change an agent; its configuration has versions",
        {200: models.SavedAgent},
        least="admin",
        body=models.AgentChange,
        errors=(404, 409, 413),
        tags=("agents",),
    ),
    Route(
        "DELETE",
        "/api/agents/{id}",
        "agents.archive",
        "Archive an agent",
        {200: models.Message},
        least="admin",
        errors=(404,),
        tags=("agents",),
    ),
    Route(
        "GET",
        "/api/health-status",
        "insights.health",
        "The newest state of each component",
        {200: models.HealthChecks, 304: None},
        service=True,
        tags=("health",),
    ),
    Route(
        "GET",
        "/api/metrics",
        "insights.metrics",
        "What each agent did, by hour",
        {200: models.Metrics},
        service=True,
        query=models.MetricsQuery,
        tags=("health",),
    ),
    Route(
        "GET",
        "/api/suggestions",
        "insights.suggestions",
        "Suggestions about the main app's code",
        {200: models.Suggestions, 304: None},
        service=True,
        query=models.SuggestionsQuery,
        tags=("suggestions",),
    ),
    Route(
        "PUT",
        "/api/suggestions/{id}",
        "insights.decide",
        "Decide on a suggestion",
        {200: models.DecidedSuggestion},
        least="operator",
        body=models.Decision,
        errors=(404, 409, 413),
        tags=("suggestions",),
    ),
    Route(
        "POST",
        "/api/feedback",
        "insights.feedback",
        "Say whether an answer, or an item of it, was helpful",
        {201: models.FeedbackGiven},
        least="operator",
        service=True,
        body=models.FeedbackBody,
        errors=(404, 409, 413, 422),
        tags=("feedback",),
    ),
    Route(
        "GET",
        "/api/approvals",
        "insights.approvals",
        "Questions that wait for a person",
        {200: models.Approvals},
        service=True,
        query=models.ApprovalsQuery,
        tags=("approvals",),
    ),
    Route(
        "POST",
        "/api/approvals/{id}",
        "insights.answer",
        "Answer a question; the first answer counts",
        {200: models.OneApproval},
        least="operator",
        body=models.Answer,
        errors=(404, 409, 413),
        tags=("approvals",),
    ),
    Route(
        "GET",
        "/api/openapi.json",
        "document.show",
        "This document",
        {200: None, 304: None},
        service=True,
        tags=("about",),
    ),
)


class Api:
    """The handlers, by the name of their part."""

    def __init__(self, parts: Parts) -> None:
        self.execute = Execute(parts)
        self.executions = Executions(parts)
        self.agents = Agents(parts)
        self.insights = Insights(parts)
        self.document = Document(ROUTES)

    def handler(self, route: Route) -> Handler:
        part, _, name = route.handler.partition(".")
        found: Handler = getattr(getattr(self, part), name)
        return found


def add_api(app: web.Application, access: Access, parts: Parts) -> None:
    """Put every route on the application, behind its role."""
    app[ACCESS] = access
    api = Api(parts)
    for route in ROUTES:
        guarded = require(route.least, service=route.service)(api.handler(route))
        app.router.add_route(route.method, route.path, guarded)
        if route.method == "GET" and not route.events:
            app.router.add_route("HEAD", route.path, guarded)

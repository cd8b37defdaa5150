"""``/api/agents``: the agents in use, their configuration; deleting archives."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

from daemon.web.access import PRINCIPAL
from daemon.web.answers import answer, body_of, id_of
from daemon.web.api.models import AgentChange, NewAgent
from daemon.web.api.shared import Parts, Row, ignored
from daemon.web.refused import not_found


class Agents:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.Request) -> web.StreamResponse:
        rows = await self._parts.reader.rows("agent_list", agent_id=None)
        return answer(request, {"agents": rows, "total": len(rows)}, etag=True)

    async def one(self, request: web.Request) -> web.StreamResponse:
        row = await self._row(id_of(request))
        agent = self._parts.registry.agent(row["type"])
        schemas = {
            "input_schema": _schema(agent.Input, "validation") if agent else None,
            "result_schema": _schema(agent.Output, "serialization") if agent else None,
        }
        return answer(request, {"agent": {**row, **schemas}}, etag=True)

    async def add(self, request: web.Request) -> web.StreamResponse:
        body = await body_of(request, NewAgent)
        agent_id = await self._parts.actions.create_agent(
            request[PRINCIPAL],
            name=body.name,
            task_type=body.type,
            description=body.description or "",
            config=body.config,
            enabled=body.enabled,
            note=body.note,
        )
        saved = await self._saved("the agent was created", agent_id, body)
        return answer(request, saved, 201, headers={"Location": f"/api/agents/{agent_id}"})

    async def change(self, request: web.Request) -> web.StreamResponse:
        agent_id = id_of(request, most=2**31 - 1)
        body = await body_of(request, AgentChange)
        done = await self._parts.actions.set_agent(
            request[PRINCIPAL],
            agent_id,
            based_on=body.version,
            name=body.name,
            description=body.description,
            config=body.config,
            enabled=body.enabled,
            note=body.note,
        )
        said = "the agent was changed" if done.changed else "nothing was changed"
        return answer(request, await self._saved(said, agent_id, body))

    async def archive(self, request: web.Request) -> web.StreamResponse:
        agent_id = id_of(request, most=2**31 - 1)
        name = await self._parts.actions.archive_agent(request[PRINCIPAL], agent_id)
        return answer(request, {"message": f"{name} was archived"})

    async def _saved(self, said: str, agent_id: int, body: AgentChange | NewAgent) -> Row:
        """The answer: what was done, and which fields of the body no agent has."""
        unknown = ignored(body)
        also = f"; ignored: {', '.join(unknown)}" if unknown else ""
        return {
            "message": said + also,
            "agent": await self._row(agent_id),
            "ignored": unknown,
        }

    async def _row(self, agent_id: int) -> Row:
        if agent_id < 2**31:
            row = await self._parts.reader.row("agent_list", agent_id=agent_id)
            if row is not None:
                return row
        raise not_found(f"agent {agent_id}", "GET /api/agents lists those in use")


@lru_cache(maxsize=64)
def _schema(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> Any:
    """JSON Schema of a model; what it does not know is no error but dropped, and named."""
    schema = model.model_json_schema(mode=mode)
    schema.pop("additionalProperties", None)
    return schema

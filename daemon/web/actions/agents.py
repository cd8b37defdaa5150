"""Agents: their configuration, which has versions, and their limits, which act at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import psycopg

from agents.prompt import DRAFT, is_prompt
from daemon.store.safe_json import dumps
from daemon.web.access import Principal
from daemon.web.actions.base import Act, Connection, Row
from daemon.web.refused import Refused, conflict, invalid, not_found

Json = Any
TYPE = re.compile(r"(draft:)?[a-z][a-z0-9_]{1,40}")
NO_LIMIT_PER_KEY = 1_000_000
LIMITS: Mapping[str, Json] = {
    "paused": False,
    "resume_at": None,
    "concurrency": 20,
    "per_key": NO_LIMIT_PER_KEY,
    "starts_per_minute": None,
    "daily_budget_usd": None,
    "on_lost": "retry",
}
"""Columns of ai_control that people set, and what holds where there is no row."""
LEAST = {"concurrency": 0, "per_key": 1, "starts_per_minute": 1}
OPTIONAL = {"starts_per_minute", "daily_budget_usd", "resume_at"}
MOST_INTEGER, MOST_USD = 2**31 - 1, Decimal(999_999)


class Saved(NamedTuple):
    """version: what holds now. changed: whether anything was."""

    version: int
    changed: bool


class AgentActions(Act):
    async def create_agent(
        self,
        who: Principal,
        *,
        name: str,
        task_type: str,
        description: str = "",
        config: Mapping[str, Json] | None = None,
        enabled: bool = True,
        note: str = "",
    ) -> int:
        """A new agent; returns its id. Only agents of the kind ``prompt`` need no code.

        Refused: 400 naming the field, for a used name too.
        """
        name = _name(name)
        if not TYPE.fullmatch(task_type):
            raise invalid(
                "type", f"{task_type[:60]!r} given", "2 to 41 of a-z, 0-9 and _, such as 'haiku'"
            )
        config = dict(config or {})
        if not is_prompt(task_type, config) and self._registry.agent(task_type) is None:
            raise invalid(
                "type",
                f"no code answers {task_type!r}",
                'give config.kind = "prompt" with system and output_schema, or the type of one of '
                + ", ".join(self._registry.known_types()),
            )
        self._check_config(task_type, config)
        async with self._transaction(who, note) as connection:
            row = await self._written(
                connection,
                "agent_add",
                name=name,
                type=task_type,
                description=description,
                config=dumps(config),
                enabled=enabled,
                by=who.name,
            )
            after = {"name": name, "type": task_type, "config": config, "enabled": enabled}
            await self._audit(connection, who, "create_agent", f"agent:{row['id']}", after=after)
        agent_id: int = row["id"]
        return agent_id

    async def set_agent(
        self,
        who: Principal,
        agent_id: int,
        *,
        based_on: int | None = None,
        name: str | None = None,
        task_type: str | None = None,
        description: str | None = None,
        config: Mapping[str, Json] | None = None,
        enabled: bool | None = None,
        note: str = "",
    ) -> Saved:
        """Change what is given. What is so already is no change: nothing is written or logged.

        config replaces the whole configuration. task_type: only a draft's may change; its limits
        and budgets go with it. based_on: the version that was looked at. Running requests keep
        theirs.

        Refused: 400 naming the field, 404, 409 when another version was saved meanwhile (details:
        version, config and note of that one).
        """
        async with self._transaction(who, note) as connection:
            before = await self._held(connection, agent_id, based_on)
            after = dict(before)
            given = {"description": description, "enabled": enabled}
            after |= {key: value for key, value in given.items() if value is not None}
            if name is not None:
                after["name"] = _name(name)
            if task_type is not None and task_type != before["type"]:
                after["type"] = self._new_type(before["type"], task_type)
            if config is not None:
                after["config"] = dict(config)
                self._check_config(after["type"], after["config"], before["config"])
            if after == before:
                return Saved(before["version"], changed=False)
            version = await self._put(connection, who, before, after, archive=False)
            if after["type"] != before["type"]:
                await self._row(
                    connection, "agent_activate", draft=before["type"], type=after["type"]
                )
            await self._tell_change(connection, who, "set_agent", agent_id, before, after, version)
        return Saved(version, changed=True)

    async def roll_back(
        self, who: Principal, agent_id: int, to_version: int, *, based_on: int | None = None
    ) -> int:
        """Write an earlier configuration anew; returns the new version. History only grows.

        Refused: 404 for agent or version, 400 where this code cannot use that configuration any
        more, 409 as in :meth:`set_agent`.
        """
        async with self._transaction(who, f"back to version {to_version}") as connection:
            before = await self._held(connection, agent_id, based_on)
            old = await self._row(
                connection, "agent_before", agent_id=agent_id, version=to_version
            )
            if old is None:
                raise not_found(f"version {to_version} of agent {agent_id}")
            self._check_config(before["type"], old["config"])
            after = {**before, "config": old["config"]}
            version = await self._put(connection, who, before, after, archive=False)
            await self._tell_change(connection, who, "roll_back", agent_id, before, after, version)
        return version

    async def archive_agent(self, who: Principal, agent_id: int) -> str:
        """Take an agent out of use for good; returns its name. Rows that name it stay readable.

        Refused: 404, also for one that is archived already.
        """
        async with self._transaction(who, "archived") as connection:
            before = await self._held(connection, agent_id, None)
            after = {**before, "enabled": False}
            await self._put(connection, who, before, after, archive=True)
            await self._audit(
                connection,
                who,
                "archive_agent",
                f"agent:{agent_id}",
                {"name": before["name"], "type": before["type"]},
            )
        name: str = before["name"]
        return name

    # --- limits ---------------------------------------------------------------------------------

    async def pause(
        self, who: Principal, task_type: str, resume_at: datetime | None = None
    ) -> None:
        """Requests of this type wait from now on; ``*``: all. resume_at: until then, at most."""
        if resume_at is not None and resume_at <= datetime.now(UTC):
            raise invalid("resume_at", "it is over already", "give a moment to come")
        changes = {"paused": True, "resume_at": resume_at}
        await self.set_limits(who, task_type, changes, action="pause")

    async def resume(self, who: Principal, task_type: str) -> None:
        """Requests of this type are taken again, at once."""
        changes = {"paused": False, "resume_at": None}
        await self.set_limits(who, task_type, changes, action="resume")

    async def set_limits(
        self,
        who: Principal,
        task_type: str,
        changes: Mapping[str, Json],
        *,
        action: str = "set_limits",
    ) -> None:
        """Change columns of ``ai_control`` (keys of ``LIMITS``); ``*`` limits all types together.

        Refused: 400 naming the field, 404 for a type that nobody has.
        """
        if task_type != "*" and self._registry.state(task_type) is None:
            raise not_found(f"agent of type {task_type[:60]!r}")
        checked = {field: check_limit(field, value) for field, value in changes.items()}
        async with self._transaction(who) as connection:
            row = await self._row(connection, "control_lock", task_type=task_type)
            before = {**LIMITS, **(row or {})}
            changed = {field for field in checked if checked[field] != before[field]}
            if not changed:
                return
            await self._row(
                connection, "control_put", task_type=task_type, **{**before, **checked}
            )
            await self._audit(
                connection,
                who,
                action,
                f"agent:{task_type}",
                {field: before[field] for field in sorted(changed)},
                {field: checked[field] for field in sorted(changed)},
            )

    # --- parts ----------------------------------------------------------------------------------

    async def _held(self, connection: Connection, agent_id: int, based_on: int | None) -> Row:
        """The agent, locked. Raises Refused."""
        row = await self._row(connection, "agent_lock", agent_id=agent_id)
        if row is None or row["archived_at"] is not None:
            raise not_found(f"agent {agent_id}")
        if based_on is not None and row["version"] != based_on:
            raise conflict(
                f"agent {agent_id} is at version {row['version']}; you looked at {based_on}",
                "look at what was changed, then save again",
                version=row["version"],
                config=row["config"],
            )
        return row

    async def _put(
        self, connection: Connection, who: Principal, before: Row, row: Row, *, archive: bool
    ) -> int:
        # One that is the same stays as it is: what cannot be read whole is not written whole.
        same = row["config"] is before["config"]
        written = await self._written(
            connection,
            "agent_put",
            agent_id=before["id"],
            name=row["name"],
            type=row["type"],
            description=row["description"],
            config=None if same else dumps(row["config"]),
            enabled=row["enabled"],
            by=who.name,
            archive=archive,
        )
        version: int = written["version"]
        return version

    async def _written(self, connection: Connection, name: str, /, **values: Any) -> Row:
        try:
            row = await self._row(connection, name, **values)
        except psycopg.errors.UniqueViolation as error:
            taken = "type" if error.diag.constraint_name == "ai_agents_type" else "name"
            raise Refused(
                400,
                "already_used",
                f"{taken}: another agent has {values[taken]!r}",
                "choose another one; also deleted agents keep their names"
                if taken == "name"
                else "change that agent instead",
            ) from None
        assert row is not None
        return row

    async def _tell_change(
        self,
        connection: Connection,
        who: Principal,
        action: str,
        agent_id: int,
        before: Row,
        after: Row,
        version: int,
    ) -> None:
        changed = [key for key in after if after[key] != before[key]]
        if not changed:
            return
        await self._audit(
            connection,
            who,
            action,
            f"agent:{agent_id}",
            {"version": before["version"], **{key: before[key] for key in changed}},
            {"version": version, **{key: after[key] for key in changed}},
        )

    def _check_config(
        self,
        task_type: str,
        config: Mapping[str, Json],
        before: Mapping[str, Json] | None = None,
    ) -> None:
        """before: what it was. Raises Refused for a configuration that the agent cannot use."""
        prompt = is_prompt(task_type, config) or is_prompt(task_type, before or {})
        if self._registry.agent(task_type) is None and not prompt:
            return  # nobody here answers this type; only whoever does could judge
        found = self._registry.usable(task_type, config)
        if isinstance(found, str):
            field, _, message = found.partition(": ")
            raise invalid(field, message, "GET /api/agents shows configurations that are in use")

    def _new_type(self, before: str, task_type: str) -> str:
        if not before.startswith(DRAFT):
            raise invalid("type", "an agent's type stays what it is", "create another agent")
        if not TYPE.fullmatch(task_type):
            raise invalid("type", f"{task_type[:60]!r} given", "2 to 41 of a-z, 0-9 and _")
        return task_type


def check_limit(field: str, value: Json) -> Json:
    """The value as the column takes it. Raises Refused (400)."""
    if field not in LIMITS:
        raise invalid(field[:40], "there is no such limit", f"one of {', '.join(LIMITS)}")
    if value is None and field in OPTIONAL:
        return None
    if field == "paused" and isinstance(value, bool):
        return value
    if field == "on_lost" and value in {"retry", "fail"}:
        return value
    if field == "resume_at" and isinstance(value, datetime):
        return value
    if field == "daily_budget_usd":
        return check_usd(field, value)
    if field in LEAST and isinstance(value, int) and not isinstance(value, bool):
        if LEAST[field] <= value <= MOST_INTEGER:
            return value
        raise invalid(field, f"{value} given", f"at least {LEAST[field]}, at most {MOST_INTEGER}")
    raise invalid(field, f"{str(value)[:40]!r} cannot be used")


def check_usd(field: str, value: Json) -> Decimal:
    """An amount of US dollars from 0 to 999,999. Raises Refused (400)."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise invalid(field, f"{str(value)[:40]!r} is no amount", "such as 5.00") from None
    if not amount.is_finite() or not 0 <= amount <= MOST_USD:
        raise invalid(field, f"{str(value)[:40]} given", "from 0 to 999999")
    return amount


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise invalid("name", "1 to 100 printable characters are expected", "a name for people")
    return name

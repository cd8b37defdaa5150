"""The named situations through a whole daemon, with the model off, honest and hostile.

Rows stand in PostgreSQL, requests go through ``ai_requests``, the model is a local server over
real HTTP. Beside what each situation expects, every answer is looked at for what must never be:
JSON that is none, a broken rule in a plan, a double booking, an echoed instruction.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from agents.workout.checker import check
from agents.workout.exercises.catalogue import CATALOGUE
from daemon.demo.model_server import Behaviour, ModelServer
from tests.eval.situations import SITUATIONS, Situation
from tests.kit.gyms import App, gym_app
from tests.kit.postgres import Server
from tests.kit.progress import NOW, MainApp, main_app
from tests.kit.provider import hang, hostile, refusal, text, truncated

Json = Any
Model = Literal["off", "honest", "hostile", "hanging"]
MODELS: tuple[Model, ...] = get_args(Model)
TRUSTED = {key: exercise.facts() for key, exercise in CATALOGUE.items()}
HOSTILE: tuple[Behaviour, ...] = (
    text("All good, no JSON needed."),
    text('{"sentences": "' + "x" * 1_000_000 + '"}'),
    hostile(sentences=[{"id": "s1", "text": "Come at 03:00, 999 of 1000 keep it."}]),
    hostile(
        weights=[{"key": "burpee", "weight": 3}, {"key": "no_such_exercise", "weight": 3}],
        focus=["chest"],
        summary="The client is cleared for 47 sets at RPE 10.",
    ),
    hostile(cleared=True, conditions=[], restrictions=[]),
    hostile(summary="<script>alert(1)</script> Come 12 times a week."),
    refusal(),
    text(""),
    truncated,
    text("null"),
)
HANGING = frozenset({"w01_plan_call", "r01 plateau, 40 % adherence"})
"""Situations that also meet a model which never answers: each takes as long as patience lasts."""
FORBIDDEN_KEYS: Mapping[str, frozenset[str]] = {
    "workout_optimization": frozenset({"workout_optimization"}),
    "progress_monitoring": frozenset({"progress_analysis", "progress_monitoring"}),
    "scheduling": frozenset({"scheduling"}),
}
ECHOES = ("<script>", "IGNORE ALL RULES", "ignore all rules")


class Endless(deque[Behaviour]):
    """A script that begins anew when it is over."""

    def __init__(self, behaviours: Sequence[Behaviour]) -> None:
        super().__init__()
        self._round = itertools.cycle(behaviours)

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> Behaviour:
        return next(self._round)


@dataclass(frozen=True)
class Seen:
    """One situation with one kind of model. problems: in words, none if all is well."""

    situation: Situation
    model: Model
    status: str
    mode: str | None
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Asked:
    situation: Situation
    given: Mapping[str, Json]


def _prepared(main: MainApp) -> list[_Asked]:
    asked = []
    for situation in SITUATIONS:
        given = dict(situation.prepare(main))
        client = {} if given.get("trainer_id") else {"client_id": main.client_id}
        asked.append(_Asked(situation, {"as_of": NOW.isoformat()} | given | client))
    return asked


async def journeys() -> AsyncIterator[Seen]:
    """Every situation with every kind of model, one after the other."""
    server = Server.start()
    try:
        with server.database(migrated=True) as database, main_app(database) as main:
            asked = _prepared(main)
            for model in MODELS:
                async with _daemon(database, model) as app:
                    for item in asked:
                        if model == "hanging" and item.situation.name not in HANGING:
                            continue
                        yield await _journey(app, item, model)
    finally:
        server.stop()


@asynccontextmanager
async def _daemon(database: str, model: Model) -> AsyncIterator[App]:
    if model == "off":
        async with gym_app(database) as app:
            yield app
        return
    async with ModelServer().running() as server:
        if model != "honest":
            server.script = Endless(HOSTILE if model == "hostile" else (hang,))
        async with gym_app(
            database, openai_base_url=server.url, openai_api_key="local", log_level="ERROR"
        ) as app:
            # A circuit that the last model opened is not to keep this one from being asked.
            await app.connection.execute("DELETE FROM ai_provider_state")
            yield app


async def _journey(app: App, item: _Asked, model: Model) -> Seen:
    situation = item.situation
    row = await app.ask(situation.task_type, situation.requested_by, **item.given)
    result = row["result"]
    if situation.error is not None:
        code = (row["error"] or {}).get("code")
        problems = [] if code == situation.error else [f"{row['status']} {code}"]
    elif result is None:
        problems = [f"no result: {row['error']}"]
    else:
        problems = list(_problems(situation, item.given, result, row["mode"], model))
    seconds = (row["finished_at"] - row["started_at"]).total_seconds() if row["started_at"] else 0
    status = result["status"] if result else row["status"]
    return Seen(situation, model, status, row["mode"], seconds, tuple(problems))


def _problems(
    situation: Situation, given: Mapping[str, Json], result: Json, mode: str, model: Model
) -> Iterator[str]:
    if result["status"] not in situation.statuses:
        yield f"status {result['status']}"
    yield from situation.wrong(result)
    text_ = json.dumps(result, allow_nan=False)
    yield from (f"echoes {echo}" for echo in ECHOES if echo in text_)
    yield from (
        f"key {key}" for key in FORBIDDEN_KEYS.get(situation.task_type, frozenset()) & set(result)
    )
    if (model == "off") != (mode == "deterministic") and result["provenance"]["llm"]["used"]:
        yield f"mode {mode}"
    plan = result["workout"] if situation.task_type == "client_review" else result
    if "exercise_facts" in plan:
        request = given if situation.task_type == "workout_optimization" else {}
        broken = Counter(v.rule for v in check(plan, request=request, trusted_facts=TRUSTED))
        yield from (f"breaks {rule}" for rule in broken)

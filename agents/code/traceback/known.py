"""The well-known errors of `known.toml`, and which of them an exception is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from agents.code.traceback.frames import Language, Problem, Trace


@dataclass(frozen=True, slots=True)
class KnownError:
    """cause, cure: sentences with the values filled in. rules: findings about the same thing."""

    id: str
    cause: str
    cure: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    types: tuple[str, ...]
    message: re.Pattern[str]
    code: re.Pattern[str] | None
    language: Language
    cause: str
    cure: str
    rules: tuple[str, ...]


def recognise(trace: Trace) -> KnownError | None:
    """The first entry that fits what was raised first, else what followed it."""
    for problem in trace.problems:
        for entry in entries():
            match = _fits(entry, trace.language, problem)
            if match is not None:
                values = {name: value or "" for name, value in match.groupdict().items()}
                return KnownError(
                    entry.id,
                    _filled(entry.cause, values),
                    _filled(entry.cure, values),
                    entry.rules,
                )
    return None


@cache
def entries() -> tuple[_Entry, ...]:
    """Every entry, in the order in which they are tried."""
    text = Path(__file__).with_name("known.toml").read_text(encoding="utf-8")
    return tuple(_entry(given) for given in tomllib.loads(text)["error"])


def _entry(given: Mapping[str, Any]) -> _Entry:
    code = given.get("code")
    return _Entry(
        given["id"],
        tuple(given["types"]),
        re.compile(given["message"], re.IGNORECASE),
        re.compile(code) if code else None,
        given.get("language", "python"),
        given["cause"],
        given["cure"],
        tuple(given.get("rules", ())),
    )


def _fits(entry: _Entry, language: Language, problem: Problem) -> re.Match[str] | None:
    # A wrapped driver's error keeps its own name in the message: (psycopg.errors.UniqueViolation)
    named = {problem.name, *re.findall(r"\([\w.]*?\.?(\w+)\)", problem.message[:200])}
    if entry.language != language or not named & set(entry.types):
        return None
    if entry.code is not None:
        frames = problem.frames[-3:] or problem.frames
        texts = [frame.code for frame in frames] + [frame.function for frame in frames]
        if not any(entry.code.search(text) for text in texts):
            return None
    return entry.message.search(problem.message)


class _Sentence(Formatter):
    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002 - its signature
        return kwargs.get(str(key), "")


def _filled(sentence: str, values: Mapping[str, str]) -> str:
    text = _Sentence().vformat(sentence, (), {k: v[:120] for k, v in values.items()})
    return re.sub(r"\s+", " ", text).strip()

"""One interpretation of one entry point: its budget, its identities, what it reports."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agents.code.model import Confidence, Finding, Severity, Step
from agents.code.modules import Module, Place, Project
from agents.code.taint.rules import RULES
from agents.code.taint.values import (
    Origin,
    State,
    Taint,
    Value,
    merged_taints,
)

DEPTH: Final = 4
"""How deep the project's own functions are entered."""
BUDGET: Final = 40_000
"""Expressions that one entry point may take; what lies beyond is reported as not analysed."""


class Stops(Exception):
    """A call that never returns (``abort``): nothing after it runs."""


class OutOfBudget(Exception):
    """The entry point is too large to be interpreted to its end."""


@dataclass(slots=True)
class Exit:
    """How one `return` left a function."""

    value: Value
    state: State


@dataclass(slots=True)
class Frame:
    """One function being interpreted."""

    module: Module
    place: Place | None
    depth: int
    outer: dict[str, Value] = field(default_factory=dict)
    """Names of the functions around it."""
    exits: list[Exit] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    breaks: list[list[State]] = field(default_factory=list)
    continues: list[list[State]] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an interpretation begins. view: it answers HTTP requests, its return is the answer.

    path: the route's rule, "" where it is unknown. tainted: parameters that come from outside,
    with their origin. public: no login stands before it.
    """

    place: Place
    view: bool = False
    paths: tuple[str, ...] = ()
    tainted: tuple[tuple[str, Origin], ...] = ()
    framework: str = ""
    public: bool = False


@dataclass
class Part:
    """What some entry points reported.

    findings: by rule, file and line. visited: file -> first lines of the statements seen.
    incomplete: file and function of entry points that took more than the budget. reached: file
    and function of what was entered from there.
    """

    findings: dict[tuple[str, str, int], Finding] = field(default_factory=dict)
    visited: dict[str, set[int]] = field(default_factory=dict)
    incomplete: set[tuple[str, str]] = field(default_factory=set)
    reached: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    """File and function -> what the interpretation could not cope with."""


@dataclass
class Shared:
    """What all interpretations of one project share."""

    project: Project
    part: Part = field(default_factory=Part)
    """Where reports go at the moment."""
    statics: dict[int, Any] = field(default_factory=dict)
    """Objects of the heap that module level made."""
    globals: dict[tuple[str, str], Value] = field(default_factory=dict)
    around: dict[int, dict[str, Value]] = field(default_factory=dict)
    """Functions inside functions (by node) -> the names around them."""
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    interned: dict[Any, int] = field(default_factory=dict)
    answers: dict[Any, tuple[int, Value]] = field(default_factory=dict)
    """What functions gave back for arguments without data from outside, and at which depth."""


class Run:
    """The interpretation of one entry point."""

    def __init__(self, shared: Shared, entry: Entry | None = None) -> None:
        self.shared = shared
        self.project = shared.project
        self.entry = entry
        self.spent = 0
        self.active: list[int] = []
        """Nodes of the functions being interpreted, the outermost first."""
        self.evaluate: Callable[[Frame, ast.expr, State], Value]
        self.execute: Callable[[Frame, Sequence[ast.stmt], State], State | None]
        self.invoke: Callable[[Frame, ast.AST, Value, list[Value], dict[str, Value], State], Value]

    def spend(self) -> None:
        """Count one expression. Raises OutOfBudget."""
        self.spent += 1
        if self.spent > BUDGET:
            raise OutOfBudget

    def fresh(self) -> int:
        """A new identity."""
        return next(self.shared.counter)

    def interned(self, key: Any) -> int:
        """The identity of a source: the same expression read twice is the same data."""
        if key not in self.shared.interned:
            self.shared.interned[key] = self.fresh()
        return self.shared.interned[key]

    def source(
        self, frame: Frame, node: ast.AST, what: str, origin: Origin = "request", **more: Any
    ) -> Value:
        """A value from outside. what: how a person would call it."""
        entry = self.entry.place.qualified if self.entry else ""
        one = self.interned((frame.module.file if not entry else "", entry, what))
        line = getattr(node, "lineno", 1)
        step = Step(frame.module.file, line, f"{what} comes from outside")
        taint = Taint(what, origin, (step,), frozenset({one}))
        more.setdefault("kind", "str")
        return Value(taints=(taint,), id=one, **more)

    def derived(self, *values: Value, mixed: bool = False, **more: Any) -> Value:
        """A new value made of others: tainted as they are, with an identity of its own."""
        taints = merged_taints(values)
        if not taints:
            return Value(**more)
        one = self.fresh()
        marked = tuple(taint.through(one, mixed) for taint in taints)
        return Value(taints=marked, id=one, **more)

    def noted(self, value: Value, frame: Frame, node: ast.AST, note: str) -> Value:
        """The value with one more step on the way of its taints."""
        if not value.taints:
            return value
        step = Step(frame.module.file, getattr(node, "lineno", 1), note)
        return replace(value, taints=tuple(taint.step(step) for taint in value.taints))

    def live(self, value: Value | None, family: str, state: State) -> Taint | None:
        """The first taint that can still do that family's harm, or None."""
        if value is None:
            return None
        for taint in value.taints:
            if not taint.harmless(family, state.guards):
                return taint
        return None

    def report(
        self,
        rule: str,
        frame: Frame,
        node: ast.AST,
        taint: Taint | None = None,
        *,
        cwe: int | None = None,
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        message: str | None = None,
    ) -> None:
        """Note a finding; the surest of several at one line stays."""
        known = RULES[rule]
        sure: Confidence = confidence or ("high" if taint else "medium")
        if taint is not None and taint.origin == "suspected":
            sure = "low"
        elif taint is not None and taint.origin == "program":
            sure = "medium"  # whoever starts the program may well be trusted
        line = getattr(node, "lineno", 1)
        module = frame.module
        key = (rule, module.file, line)
        before = self.shared.part.findings.get(key)
        rank = ("low", "medium", "high")
        if before is not None and rank.index(before.confidence) >= rank.index(sure):
            return
        path = (
            (*taint.steps, Step(module.file, line, "where it does harm")) if taint is not None
            else ()
        )  # fmt: skip
        self.shared.part.findings[key] = Finding(
            rule=rule,
            file=module.file,
            line=line,
            end_line=getattr(node, "end_lineno", None) or line,
            column=getattr(node, "col_offset", 0) + 1,
            scope=module.scope_at(line),
            message=message or known.message,
            issue_type=known.issue_type,
            severity=severity or known.severity,
            confidence=sure,
            cwe=cwe or known.cwe,
            evidence=module.text_at(line),
            taint_path=path,
            sources=("taint",),
            public=bool(self.entry and self.entry.public and taint is not None),
        )

    def visit(self, frame: Frame, statement: ast.AST) -> None:
        """Note that a statement was interpreted."""
        lines = self.shared.part.visited.setdefault(frame.module.file, set())
        lines.add(getattr(statement, "lineno", 1))

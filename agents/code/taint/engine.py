"""Interprets a project from all its entry points and gathers what they report.

Views come first. What they reach is judged with the data they pass; a function that no view
reaches is interpreted once by itself, its parameters unknown, and in a file without any view they
count as suspected. Analysed code is never run: the interpreter walks its syntax tree.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from agents.code.model import CONFIDENCES, Finding
from agents.code.modules import Module, Project, holds_tests
from agents.code.taint import calls, entries, evaluate, interpret
from agents.code.taint.heap import made
from agents.code.taint.library import web
from agents.code.taint.names import member
from agents.code.taint.run import DEPTH, Entry, Frame, OutOfBudget, Part, Run, Shared, Stops
from agents.code.taint.sinks import answer
from agents.code.taint.values import NOTHING, State, Thing, Value


@dataclass(slots=True)
class Judged:
    """What the interpretation says of a project; as in `run.Part`, findings by file and line."""

    findings: list[Finding] = field(default_factory=list)
    visited: dict[str, set[int]] = field(default_factory=dict)
    incomplete: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)


class Keep(Protocol):
    """Keeps parts of an earlier analysis. what: all the part depends on."""

    def get(self, what: str) -> Part | None:
        """The kept part, or None."""
        ...

    def put(self, what: str, part: Part) -> None:
        """Keep a part."""
        ...


def judge(
    project: Project,
    keep: Keep | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Interpret a project.

    A module's views are one part, its other functions another; a part is kept by the texts of the
    module and of all it imports, and the second one by what the views of the project reach too.
    """
    shared = Shared(project)
    called = entries.registered(project)
    groups = {m.file: list(entries.entries(project, m, called)) for m in project.modules}
    views = {file: [e for e in group if e.view] for file, group in groups.items()}
    web_app = any(views.values())
    parts: list[Part] = []
    texts = {m.file: _text_key(project, m) for m in project.modules}
    steps = 2 * len(project.modules)

    def part(key: str, work: Callable[[], None]) -> Part:
        found = keep.get(key) if keep is not None else None
        if found is None:
            found = shared.part = Part()
            work()
            if keep is not None and not found.incomplete:
                keep.put(key, found)
        parts.append(found)
        if progress is not None:
            progress(len(parts), steps)
        return found

    reached: set[tuple[str, str]] = set()
    for module in project.modules:
        mine = views[module.file]
        names = ",".join(sorted(entry.place.qualified for entry in mine))
        key = f"views {names} {texts[module.file]}"
        reached |= part(key, partial(_views, shared, module, mine)).reached
    for module in project.modules:
        rest = [
            entry if views[module.file] or holds_tests(module.file) else _suspicious(entry)
            for entry in groups[module.file]
            if not entry.view and not (web_app and (module.file, entry.place.qualified) in reached)
        ]
        names = ",".join(sorted(entry.place.qualified for entry in rest))
        key = f"rest {names} {bool(views[module.file])} {texts[module.file]}"
        part(key, partial(_rest, shared, rest))
    return _judged(parts)


def _text_key(project: Project, module: Module) -> str:
    digest = hashlib.sha256(module.file.encode())
    for near in project.closure(module):
        digest.update(f"\0{near.file}\0".encode())
        digest.update(near.text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _views(shared: Shared, module: Module, views: list[Entry]) -> None:
    _module(shared, module)
    _around(shared, module)
    for entry in views:
        _interpret(shared, entry)


def _rest(shared: Shared, rest: list[Entry]) -> None:
    for entry in rest:
        _interpret(shared, entry)


def _judged(parts: list[Part]) -> Judged:
    judged = Judged()
    findings: dict[tuple[str, str, int], Finding] = {}
    for part in parts:
        for key, finding in part.findings.items():
            known = findings.get(key)
            if known is None or _surer(finding, known):
                findings[key] = finding
        for file, lines in part.visited.items():
            judged.visited.setdefault(file, set()).update(lines)
        judged.incomplete |= part.incomplete
        judged.failed |= part.failed
    judged.findings = sorted(findings.values(), key=lambda f: (f.file, f.line, f.rule))
    return judged


def _surer(first: Finding, second: Finding) -> bool:
    return CONFIDENCES.index(first.confidence) < CONFIDENCES.index(second.confidence)


def _suspicious(entry: Entry) -> Entry:
    names = tuple((name, "suspected") for name in entries.suspected(entry.place))
    return Entry(entry.place, tainted=names)  # type: ignore[arg-type]


def new_run(shared: Shared, entry: Entry | None) -> Run:
    """An interpretation with its parts put together."""
    run = Run(shared, entry)
    run.evaluate = lambda frame, node, state: evaluate.evaluate(run, frame, node, state)
    run.execute = lambda frame, body, state: interpret.execute(run, frame, body, state)
    run.invoke = lambda frame, node, callee, args, kwargs, state: calls.invoke(
        run, frame, node, callee, args, kwargs, state
    )
    return run


@contextlib.contextmanager
def _contained(shared: Shared, module: Module, scope: str) -> Iterator[None]:
    """What goes wrong inside costs this entry point alone, and is told."""
    try:
        yield
    except Stops:
        pass
    except (OutOfBudget, RecursionError):
        shared.part.incomplete.add((module.file, scope))
    except Exception as error:  # noqa: BLE001 - any code may come; one function is not all of it
        shared.part.incomplete.add((module.file, scope))
        shared.part.failed[module.file, scope] = f"{type(error).__name__}: {error}"[:200]


def _module(shared: Shared, module: Module) -> None:
    """A module's own statements, once."""
    run = new_run(shared, None)
    frame = Frame(module, None, 1)
    with _contained(shared, module, ""):
        interpret.execute(run, frame, module.tree.body, State({}, {}, {}))


def _around(shared: Shared, module: Module) -> None:
    """Functions that hold others, so that those find the names around them."""
    for place in list(module.places.values()):
        node = place.node
        if isinstance(node, ast.ClassDef) or entries.paths_of(node):
            continue
        if any(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body):
            _interpret(shared, Entry(place))


def _interpret(shared: Shared, entry: Entry) -> None:
    run = new_run(shared, entry)
    place = entry.place
    node = place.node
    assert not isinstance(node, ast.ClassDef)
    # Where nothing comes from outside, a look one call deep is enough for constants.
    depth = 0 if entry.view else DEPTH - 2 if entry.tainted else DEPTH - 1
    frame = Frame(place.module, place, depth, shared.around.get(id(node), {}))
    state = State({}, {}, {})
    run.active.append(id(node))
    with _contained(shared, place.module, place.qualified):
        _fill(run, frame, entry, state)
        last = interpret.execute(run, frame, node.body, state)
        if entry.view and frame.yields and last is not None:
            back = ast.copy_location(ast.Return(None), node)
            answer.returned(run, frame, back, run.derived(*frame.yields, kind="str"), last)


def _fill(run: Run, frame: Frame, entry: Entry, state: State) -> None:
    """Give the entry's parameters their values."""
    node = entry.place.node
    assert not isinstance(node, ast.ClassDef)
    tainted = dict(entry.tainted)
    args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    for number, arg in enumerate(args):
        within = entry.place.within
        method = within is not None and isinstance(within.node, ast.ClassDef)
        if number == 0 and method and arg.arg == "self":
            state.env["self"] = _self(run, frame, entry, state)
            continue
        if arg.arg == "request" and entry.framework in {"request", "fast"}:
            state.env[arg.arg] = Value(kind="web.request")
        elif tainted.get(arg.arg) == "exception":
            state.env[arg.arg] = interpret.caught(run, frame, arg)
        elif arg.arg in tainted:
            state.env[arg.arg] = web.parameter(run, frame, arg, tainted[arg.arg])
        else:
            state.env[arg.arg] = NOTHING
    for extra in (node.args.vararg, node.args.kwarg):
        if extra is not None:
            state.env[extra.arg] = NOTHING


def _self(run: Run, frame: Frame, entry: Entry, state: State) -> Value:
    """The object a method belongs to, as its constructor leaves it."""
    within = entry.place.within
    assert within is not None
    value = made(run, state, Thing(within, {}), within.qualified)
    start = member(run, within, "__init__")
    if start is not None and start is not entry.place:
        node = start.node
        assert not isinstance(node, ast.ClassDef)
        bound = Value(ref=start)
        with contextlib.suppress(Stops):
            calls.invoke(run, frame, node, bound, [value], {}, state)
    return value

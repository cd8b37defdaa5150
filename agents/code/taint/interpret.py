"""Statements: how a state changes along them, and where the ways part and meet.

A block gives the state in which it is left at its end, None where it is never left there (all ways
return, raise, break). A constant condition takes its branch alone; an open one takes both, each
knowing what the condition says, and they meet afterwards.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from agents.code.taint import guards, names, stores
from agents.code.taint.evaluate import evaluate, iterated
from agents.code.taint.heap import met, only, whole, write
from agents.code.taint.run import Exit, Frame, Run, Stops
from agents.code.taint.sinks import answer
from agents.code.taint.values import (
    FLOW,
    NOTHING,
    State,
    Table,
    Value,
    all_of,
    constant,
    settled,
)
from agents.code.taint.values import Sequence as Items

MOST_ROUNDS: Final = 12
TOLD: Final = frozenset({
    "Exception", "BaseException", "OSError", "IOError", "SQLAlchemyError", "OperationalError",
    "IntegrityError", "DatabaseError", "ProgrammingError", "InterfaceError", "DataError",
    "RuntimeError", "Error", "DBAPIError", "EnvironmentError", "PermissionError",
    "FileNotFoundError", "ConnectionError", "MySQLError", "PsycopgError",
})  # fmt: skip
"""Exceptions whose text tells of the inside: statements, paths, hosts."""


def execute(run: Run, frame: Frame, body: Sequence[ast.stmt], state: State | None) -> State | None:
    """Run a block. Raises OutOfBudget."""
    for statement in body:
        if state is None:
            return None
        run.spend()
        run.visit(frame, statement)
        work = _WORK.get(type(statement))
        try:
            state = work(run, frame, statement, state) if work else state
        except Stops:
            return None
    return state


def _expression(run: Run, frame: Frame, node: ast.Expr, state: State) -> State:
    evaluate(run, frame, node.value, state)
    return state


def _assign(run: Run, frame: Frame, node: ast.Assign, state: State) -> State:
    value = evaluate(run, frame, node.value, state)
    for target in node.targets:
        stores.assign(run, frame, target, value, state)
    return state


def _annotated(run: Run, frame: Frame, node: ast.AnnAssign, state: State) -> State:
    if node.value is not None:
        value = evaluate(run, frame, node.value, state)
        stores.assign(run, frame, node.target, value, state)
    return state


def _augmented(run: Run, frame: Frame, node: ast.AugAssign, state: State) -> State:
    load = ast.copy_location(_loaded(node.target), node)
    both = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
    target = evaluate(run, frame, load, state)
    more = only(run, state, target, Items)
    if isinstance(node.op, ast.Add) and more is not None and more.kind == "list":
        value = evaluate(run, frame, node.value, state)
        added = only(run, state, value, Items)
        items = added.items if added is not None else (run.derived(whole(run, state, value)),)
        exact = more.exact and added is not None and added.exact
        write(run, state, target, lambda old: replace(old, items=(*more.items, *items),
                                                      exact=exact))  # fmt: skip
        return state
    stores.assign(run, frame, node.target, evaluate(run, frame, both, state), state)
    return state


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an augmented assignment, to be read."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
    if isinstance(target, ast.Subscript):
        return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
    return target


def _return(run: Run, frame: Frame, node: ast.Return, state: State) -> None:
    value = evaluate(run, frame, node.value, state) if node.value else constant(None)
    if frame.depth == 0 and run.entry is not None and run.entry.view:
        answer.returned(run, frame, node, value, state)
    frame.exits.append(Exit(settled(value, state.guards), state))


def _raise(run: Run, frame: Frame, node: ast.Raise, state: State) -> None:
    if node.exc is not None:
        evaluate(run, frame, node.exc, state)


def _if(run: Run, frame: Frame, node: ast.If, state: State) -> State | None:
    test = evaluate(run, frame, node.test, state)
    truth = test.truth()
    if truth is not None:
        chosen = guards.refined(state, test, truth) if (test.yes or test.no) else state
        return execute(run, frame, node.body if truth else node.orelse, chosen)
    first = execute(run, frame, node.body, guards.refined(state, test, True))
    second = execute(run, frame, node.orelse, guards.refined(state, test, False))
    return met(run, [way for way in (first, second) if way is not None])


def _for(run: Run, frame: Frame, node: ast.For | ast.AsyncFor, state: State) -> State | None:
    source = evaluate(run, frame, node.iter, state)
    items, exact = iterated(run, frame, node.iter, source, state)
    frame.breaks.append([])
    frame.continues.append([])
    here: State | None = state
    left: list[State] = []
    rounds = items if exact else items * 2
    for item in rounds:
        if here is None:
            break
        if not exact:
            left.append(here.copy())
        stores.assign(run, frame, node.target, item, here)
        after = execute(run, frame, node.body, here)
        ways = [way for way in (after, *frame.continues[-1]) if way is not None]
        frame.continues[-1].clear()
        here = met(run, ways)
    ends = ([here] if here is not None else []) + left
    frame.continues.pop()
    broken = frame.breaks.pop()
    end = met(run, ends)
    if end is not None:
        end = execute(run, frame, node.orelse, end)
    return met(run, [way for way in (end, *broken) if way is not None])


def _while(run: Run, frame: Frame, node: ast.While, state: State) -> State | None:
    frame.breaks.append([])
    frame.continues.append([])
    here: State | None = state
    ends: list[State] = []
    open_rounds = 0
    for _ in range(MOST_ROUNDS):
        if here is None:
            break
        test = evaluate(run, frame, node.test, here)
        truth = test.truth()
        if truth is False:
            ends.append(here)
            here = None
            break
        if truth is None or not _advances(node):
            open_rounds += 1
            if truth is None:
                ends.append(guards.refined(here, test, False))
            if open_rounds > 2:
                break
        after = execute(run, frame, node.body, guards.refined(here, test, True))
        ways = [way for way in (after, *frame.continues[-1]) if way is not None]
        frame.continues[-1].clear()
        here = met(run, ways)
    frame.continues.pop()
    broken = frame.breaks.pop()
    end = met(run, ends)
    if end is not None:
        end = execute(run, frame, node.orelse, end)
    return met(run, [way for way in (end, *broken) if way is not None])


def _advances(node: ast.While) -> bool:
    """Whether the condition can change: ``while True`` is left by a break alone."""
    return not isinstance(node.test, ast.Constant)


def _break(_run: Run, frame: Frame, _node: ast.Break, state: State) -> None:
    if frame.breaks:
        frame.breaks[-1].append(state)


def _continue(_run: Run, frame: Frame, _node: ast.Continue, state: State) -> None:
    if frame.continues:
        frame.continues[-1].append(state)


def _try(run: Run, frame: Frame, node: ast.Try, state: State) -> State | None:
    before = state.copy()
    seen = [before]
    here: State | None = state
    for statement in node.body:
        if here is None:
            break
        if all(here is not known for known in seen):
            seen.append(here)
        here = execute(run, frame, [statement], here)
    # A statement that fails may have done nothing: what it checked does not hold in the handler.
    failed = met(run, [_unsure(known, before) for known in seen])
    ends: list[State] = []
    if here is not None:
        after = execute(run, frame, node.orelse, here)
        ends += [after] if after is not None else []
    for handler in node.handlers:
        assert failed is not None
        way = failed.copy()
        if handler.name:
            way.env[handler.name] = _caught(run, frame, handler)
        end = execute(run, frame, handler.body, way)
        ends += [end] if end is not None else []
    if not node.finalbody:
        return met(run, ends)
    if not ends:
        assert failed is not None
        execute(run, frame, node.finalbody, failed.copy())
        return None
    joined = met(run, ends)
    return execute(run, frame, node.finalbody, joined)


def _unsure(state: State, before: State) -> State:
    return State(state.env, state.heap, dict(before.guards))


def _caught(run: Run, frame: Frame, handler: ast.ExceptHandler) -> Value:
    kinds = handler.type
    listed = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds] if kinds else []
    told = not listed
    for kind in listed:
        name = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
        told = told or name in TOLD
    if not told:
        return Value(kind="caught")
    return caught(run, frame, handler)


def caught(run: Run, frame: Frame, node: ast.AST) -> Value:
    """An exception whose text tells of the inside."""
    value = run.source(frame, node, "the exception's text", "exception", kind="exception")
    taints = tuple(
        replace(taint, clean=FLOW - {"leak"}, steps=(replace(taint.steps[0],
                note="an exception is caught"),)) for taint in value.taints
    )  # fmt: skip
    return replace(value, taints=taints)


def _with(run: Run, frame: Frame, node: ast.With | ast.AsyncWith, state: State) -> State | None:
    for item in node.items:
        value = evaluate(run, frame, item.context_expr, state)
        if item.optional_vars is not None:
            stores.assign(run, frame, item.optional_vars, value, state)
    return execute(run, frame, node.body, state)


def _function(
    run: Run, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef, state: State
) -> State:
    place = frame.module.by_node.get(id(node))
    if place is not None and frame.place is not None:
        closure = names.Closure(frame.module, node, place, state.env)
        state.env[node.name] = Value(ref=closure)
        run.shared.around[id(node)] = {**frame.outer, **state.env}
    for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
        evaluate(run, frame, default, state)
    for decorator in node.decorator_list:
        if frame.place is None:
            evaluate(run, frame, decorator, state)
    return state


def _class(run: Run, frame: Frame, node: ast.ClassDef, state: State) -> State:
    inner = Frame(frame.module, None, max(frame.depth, 1), {**frame.outer, **state.env})
    execute(run, inner, node.body, State({}, state.heap, state.guards))
    place = frame.module.by_node.get(id(node))
    if place is not None:
        state.env[node.name] = Value(ref=place)
    return state


def _import(run: Run, frame: Frame, node: ast.Import | ast.ImportFrom, state: State) -> State:
    for alias in node.names:
        name = alias.asname or alias.name.split(".")[0]
        if name in frame.module.imports:
            state.env[name] = names.dotted(run, frame.module.imports[name])
    return state


def _delete(run: Run, frame: Frame, node: ast.Delete, state: State) -> State:
    for target in node.targets:
        if isinstance(target, ast.Name):
            state.env.pop(target.id, None)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            owner = evaluate(run, frame, target.value, state)
            key = evaluate(run, frame, target.slice, state)
            write(run, state, owner, lambda old, key=key: _without(old, key))  # type: ignore[misc]
    return state


def _without(content: Any, key: Value) -> Any:
    if isinstance(content, Table) and key.known:
        return replace(content, items={k: v for k, v in content.items.items() if k != key.const})
    if isinstance(content, Items) and content.exact and key.known:
        items = list(content.items)
        if isinstance(key.const, int) and -len(items) <= key.const < len(items):
            del items[key.const]
            return replace(content, items=tuple(items))
    return None


def _match(run: Run, frame: Frame, node: ast.Match, state: State) -> State | None:
    subject = evaluate(run, frame, node.subject, state)
    ends: list[State] = []
    for case in node.cases:
        fits, way = _fits(run, frame, case.pattern, subject, state)
        if fits is False:
            continue
        if case.guard is not None:
            test = evaluate(run, frame, case.guard, way)
            if test.truth() is False:
                continue
            fits = None if test.truth() is None else fits
            way = guards.refined(way, test, True)
        end = execute(run, frame, case.body, way)
        ends += [end] if end is not None else []
        if fits:
            return met(run, ends)
    ends.append(state)
    return met(run, ends)


def _fits(
    run: Run, frame: Frame, pattern: ast.pattern, subject: Value, state: State
) -> tuple[bool | None, State]:
    way = state.copy()
    if isinstance(pattern, ast.MatchAs):
        fits: bool | None = True
        if pattern.pattern is not None:
            fits, way = _fits(run, frame, pattern.pattern, subject, state)
        if pattern.name:
            way.env[pattern.name] = subject
        return fits, way
    if isinstance(pattern, ast.MatchValue | ast.MatchSingleton):
        value = (
            evaluate(run, frame, pattern.value, way)
            if isinstance(pattern, ast.MatchValue)
            else constant(pattern.value)
        )
        if subject.known and value.known:
            return bool(subject.const == value.const), way
        if subject.taints and not value.taints:
            way.guards.update(all_of(way.guards, guards.on(subject, FLOW)))
        return None, way
    if isinstance(pattern, ast.MatchOr):
        results = [_fits(run, frame, part, subject, state) for part in pattern.patterns]
        if any(fits is True for fits, _ in results):
            return True, way
        if all(fits is False for fits, _ in results):
            return False, way
        met_way = met(run, [one for fits, one in results if fits is not False])
        return None, met_way or way
    for name in ast.walk(pattern):
        if isinstance(name, ast.MatchAs | ast.MatchStar) and name.name:
            way.env[name.name] = run.derived(whole(run, state, subject))
    return None, way


def _global(_run: Run, frame: Frame, node: ast.Global | ast.Nonlocal, state: State) -> State:
    if isinstance(node, ast.Nonlocal):
        for name in node.names:
            state.env.setdefault(name, frame.outer.get(name, NOTHING))
    return state


def _assert(run: Run, frame: Frame, node: ast.Assert, state: State) -> State:
    test = evaluate(run, frame, node.test, state)
    return guards.refined(state, test, True)


_WORK: Final[dict[type[ast.stmt], Callable[..., State | None]]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Delete: _delete,
    ast.Match: _match,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Assert: _assert,
}

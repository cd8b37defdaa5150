"""What two versions of a Python file have in common, and what a repair must not touch."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
MODULE = "<module>"
DYNAMIC = frozenset({
    "eval", "exec", "compile", "getattr", "setattr", "delattr", "globals", "locals", "vars",
    "__import__", "import_module", "breakpoint",
})  # fmt: skip
"""Calls behind which a finding can be hidden."""
WEAKENING = frozenset({
    ("verify", False), ("shell", True), ("debug", True), ("check_hostname", False),
    ("autoescape", False), ("secure", False), ("httponly", False), ("ssl", False),
    ("verify_signature", False), ("resolve_entities", True), ("usedforsecurity", False),
    ("csrf_enabled", False), ("login_required", False), ("allow_pickle", True),
})  # fmt: skip
SUPPRESSION = re.compile(
    r"noqa|nosec|nosemgrep|pylint:\s*disable|type:\s*ignore|pyright:\s*ignore|pragma:|lgtm"
    r"|eslint-disable|noinspection|fmt:\s*(?:off|skip)|ruff:|bandit:|allowlist secret",
    re.IGNORECASE,
)
_ROUTE = re.compile(r"\.(?:route|get|post|put|patch|delete|add_url_rule|before_request)$")


@dataclass(slots=True)
class Block:
    """A function, a class or the module itself, without the functions inside it.

    statements: simple statements and headers of compound ones, each as its dump, with its lines;
    imports are judged by their names.
    """

    name: str
    first: int
    last: int
    arguments: str = ""
    decorators: list[str] = field(default_factory=list)
    routes: int = 0
    statements: list[tuple[str, int, int]] = field(default_factory=list)
    tests: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Shape:
    """A whole file. counts: how often it does what a repair must not do more often."""

    tree: ast.Module
    blocks: dict[str, Block]
    counts: Counter[str]
    imports: dict[str, str]
    """Name in the file -> what it is imported from, ``module`` or ``module:name``."""
    assigned: set[str]
    """Names given a value at the top of the file."""
    loaded: set[str]
    """Names that are read anywhere."""
    code: str
    """The tree without docstrings, as text: equal for what differs in comments only."""


def shape(text: str) -> Shape:
    """Raises SyntaxError or ValueError for what does not parse."""
    tree = ast.parse(text)
    blocks: dict[str, Block] = {}
    _blocks(tree, MODULE, "", blocks, len(text.split("\n")))
    return Shape(
        tree,
        blocks,
        _counts(tree, text),
        dict(_imports(tree)),
        {name for node in tree.body for name in _targets(node)},
        {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        | _exported(tree),
        ast.dump(_bare(text)),
    )


def innermost(found: Shape, line: int) -> Block:
    """The smallest block around a line, decorators included."""
    around = [block for block in found.blocks.values() if block.first <= line <= block.last]
    return min(around, key=lambda block: block.last - block.first)


def _blocks(node: ast.AST, name: str, prefix: str, blocks: dict[str, Block], last: int) -> None:
    first = 1
    block = Block(name, first, last)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        lines = [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
        block.first, block.last = min(lines), node.end_lineno or node.lineno
        block.decorators = [ast.dump(decorator) for decorator in node.decorator_list]
        block.routes = sum(_is_route(decorator) for decorator in node.decorator_list)
        if not isinstance(node, ast.ClassDef):
            block.arguments = ast.dump(node.args)
            block.calls.update(_calls(node.args))
        else:
            block.arguments = "|".join(ast.dump(base) for base in (*node.bases, *node.keywords))
    # A name given twice (two branches, overloads) makes two blocks.
    unique = name
    while unique in blocks:
        unique += "'"
    blocks[unique] = block
    _fill(node, block, prefix, blocks)


def _fill(node: ast.AST, block: Block, prefix: str, blocks: dict[str, Block]) -> None:
    for statement in _inside(node):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{prefix}{statement.name}"
            _blocks(statement, inner, f"{inner}.", blocks, 0)
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        block.statements.append(_statement(statement))
        block.statements += _handlers(statement)
        header = _header(statement)
        for part in header:
            block.calls.update(_calls(part))
        if isinstance(statement, ast.If | ast.While | ast.Assert):
            block.tests[ast.dump(statement.test)] += 1


def _inside(node: ast.AST) -> Iterator[ast.stmt]:
    """Statements of a block at any depth, functions and classes themselves but not their bodies;
    docstrings left out."""
    bodies = ("body", "orelse", "finalbody", "handlers", "cases")
    for name in bodies:
        for place, child in enumerate(getattr(node, name, None) or ()):
            if isinstance(child, ast.stmt):
                if place == 0 and name == "body" and _is_docstring(child, node):
                    continue
                yield child
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue
            yield from _inside(child)


def _is_docstring(child: ast.stmt, parent: ast.AST) -> bool:
    owner = isinstance(parent, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return owner and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def _header(statement: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that are not statements."""
    parts: list[ast.AST] = []
    for _, value in ast.iter_fields(statement):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.ExceptHandler):
                parts += [item.type] if item.type else []
            elif isinstance(item, ast.match_case):
                parts += [item.pattern, *([item.guard] if item.guard else [])]
            elif isinstance(item, ast.AST) and not isinstance(item, ast.stmt):
                parts.append(item)
    return parts


def _statement(statement: ast.stmt) -> tuple[str, int, int]:
    # Handlers stand for themselves, see `_handlers`: one more is no change of the try.
    header = [] if isinstance(statement, ast.Try | ast.TryStar) else _header(statement)
    parts = "|".join(ast.dump(part) for part in header)
    compound = hasattr(statement, "body")
    last = statement.lineno if compound else statement.end_lineno or statement.lineno
    return f"{type(statement).__name__}({parts})", statement.lineno, last


def _handlers(statement: ast.stmt) -> list[tuple[str, int, int]]:
    handlers = statement.handlers if isinstance(statement, ast.Try | ast.TryStar) else []
    return [
        (f"except {ast.dump(one.type) if one.type else ''}", one.lineno, one.lineno)
        for one in handlers
    ]


def _calls(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            yield ast.unparse(part.func)[:200]


def _is_route(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _ROUTE.search(ast.unparse(called)) is not None


def _counts(tree: ast.Module, text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    counts["suppression"] = len(SUPPRESSION.findall(text))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            counts["dynamic_code"] += name in DYNAMIC
            counts["open_route"] += name in {"add_url_rule", "register_blueprint"}
            for word in node.keywords:
                value = word.value.value if isinstance(word.value, ast.Constant) else None
                counts["weakened"] += (word.arg, value) in WEAKENING
        elif isinstance(node, ast.Subscript | ast.Attribute):
            counts["dynamic_code"] += ast.unparse(node).endswith(("__dict__", "__builtins__"))
        elif isinstance(node, ast.ExceptHandler):
            counts["swallowed"] += node.type is None or _trivial(node.body)
            counts["broad_handler"] += node.type is None or _broad(node.type)
        elif isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            counts["constant_condition"] += _constant(node.test)
        elif isinstance(node, ast.With | ast.AsyncWith):
            counts["swallowed"] += any("suppress" in ast.unparse(i) for i in node.items)
        elif isinstance(node, ast.arguments):
            given = (*node.defaults, *filter(None, node.kw_defaults))
            counts["mutable_default"] += sum(_mutable(default) for default in given)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            counts["global_name"] += 1
        for body in ("body", "orelse", "finalbody"):
            block = getattr(node, body, None)
            if isinstance(block, list):
                counts["unreachable"] += _unreachable(block)
    return counts


def _trivial(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(node, ast.Pass | ast.Continue)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def _broad(kind: ast.expr) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(ast.unparse(name) in {"Exception", "BaseException"} for name in names)


def _constant(test: ast.expr) -> bool:
    if isinstance(test, ast.UnaryOp):
        return _constant(test.operand)
    if isinstance(test, ast.BoolOp):
        return any(_constant(value) for value in test.values)
    if isinstance(test, ast.Compare):
        return all(isinstance(part, ast.Constant) for part in (test.left, *test.comparators))
    return isinstance(test, ast.Constant | ast.Tuple | ast.List | ast.Dict)


def _mutable(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and ast.unparse(node.func) in {"list", "dict", "set"}
    return made or isinstance(node, ast.List | ast.Dict | ast.Set)


def _unreachable(body: list[ast.stmt]) -> int:
    for place, node in enumerate(body):
        if isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break):
            return len(body) - place - 1
    return 0


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, f"{module}:{alias.name}"


def _targets(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        parts = [part for target in node.targets for part in ast.walk(target)]
    elif isinstance(node, ast.AnnAssign):
        parts = list(ast.walk(node.target))
    else:
        return
    yield from (part.id for part in parts if isinstance(part, ast.Name))


def _exported(tree: ast.Module) -> set[str]:
    """Names of ``__all__``, and attributes, which others may use by the same name."""
    named: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            named |= {part.value for part in ast.walk(node) if _is_text(part)}  # type: ignore[attr-defined]
    return named


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _bare(text: str) -> ast.Module:
    """The tree without docstrings and other texts that stand for themselves."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                part
                for part in body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return tree

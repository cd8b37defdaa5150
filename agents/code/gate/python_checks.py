"""The conditions for a changed Python file that need no analysis: each names what it refuses."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections import Counter
from collections.abc import Mapping

from agents.code.gate.patch import Refused, changed_lines
from agents.code.gate.python_shape import MODULE, Block, Shape, innermost, shape
from agents.code.model import Finding

REMOVING = frozenset({"F401", "F811", "F841", "B018"})
"""Rules whose cure is to remove a statement."""
RENAMING = "route-parameter-mismatch"
"""The rule whose cure is another parameter."""
RISING = (
    ("suppression", "a comment that silences a tool is added"),
    ("dynamic_code", "code that hides what it does is added (getattr, eval, __dict__)"),
    ("open_route", "a route is added"),
    ("weakened", "a protection is switched off by an argument"),
    ("swallowed", "an exception is swallowed"),
    ("broad_handler", "a handler that catches everything is added"),
    ("constant_condition", "a condition that is always the same is added"),
    ("mutable_default", "a mutable default is added"),
    ("global_name", "a global or nonlocal name is added"),
    ("unreachable", "code becomes unreachable"),
)
_NO_SIDE_EFFECTS = sys.stdlib_module_names - {"antigravity", "this", "idlelib", "turtle", "test"}
WELL_KNOWN = frozenset({
    "flask:abort", "flask:current_app", "flask:jsonify", "flask:g", "flask:session",
    "flask:request", "flask:escape", "flask:url_for",
    "markupsafe:escape", "markupsafe:Markup", "werkzeug.utils:secure_filename",
    "werkzeug.utils:safe_join", "werkzeug.security:safe_join",
    "werkzeug.security:generate_password_hash", "werkzeug.security:check_password_hash",
    "werkzeug.exceptions:HTTPException", "werkzeug.exceptions:NotFound",
    "sqlalchemy:text", "sqlalchemy:select", "sqlalchemy:func", "sqlalchemy.orm:selectinload",
    "sqlalchemy.orm:joinedload", "defusedxml.ElementTree", "defusedxml:ElementTree",
    "ldap.filter:escape_filter_chars", "ldap3.utils.conv:escape_filter_chars",
})  # fmt: skip
"""Names of packages that a Flask project may start to use where it has the package already."""
COMES_WITH = {
    "flask": ("werkzeug", "markupsafe", "jinja2", "itsdangerous"),
    "flask_sqlalchemy": ("sqlalchemy",),
}
"""Packages that another one brings along."""


def check(
    finding: Finding, before_text: str, after_text: str, files: Mapping[str, str]
) -> tuple[Shape, Shape]:
    """Raises Refused. files: the project, the file as it was; returns both shapes."""
    before = shape(before_text)
    try:
        after = shape(after_text)
    except (SyntaxError, ValueError) as error:
        raise Refused("syntax", f"the changed file does not parse: {error}") from None
    if before.code == after.code:
        raise Refused("only_comments", "nothing but comments, text or white space changes")
    for name, words in RISING:
        if after.counts[name] > before.counts[name]:
            raise Refused(name, words)
    _names(finding, before, after, files)
    _imports(finding.file, before, after, files)
    _place(finding, before, before_text, after_text)
    for name, block in before.blocks.items():
        _block(finding, block, after.blocks[name])
    return before, after


def _names(finding: Finding, before: Shape, after: Shape, files: Mapping[str, str]) -> None:
    if gone := before.blocks.keys() - after.blocks.keys():
        raise Refused("definition_removed", f"{min(gone)} is removed or renamed")
    if added := after.blocks.keys() - before.blocks.keys():
        raise Refused("definition_added", f"{min(added)} is new")
    for name in (before.assigned - after.assigned) | (
        before.imports.keys() - after.imports.keys()
    ):
        if name in after.loaded:
            raise Refused("name_removed", f"{name} is removed and still used")
        if _used_elsewhere(finding.file, name, files):
            raise Refused("name_removed", f"{name} is removed, and other files import it")
    for name in before.imports.keys() & after.imports.keys():
        if before.imports[name] != after.imports[name]:
            raise Refused("import_changed", f"{name} is imported from somewhere else")


def _used_elsewhere(file: str, name: str, files: Mapping[str, str]) -> bool:
    module = re.escape(file.removesuffix(".py").replace("/__init__", "").rsplit("/", 1)[-1])
    pattern = re.compile(
        rf"from\s+[\w.]*{module}\s+import\s+(?:\([^)]*|[^\n]*)\b{name}\b|\b{module}\.{name}\b"
    )
    return any(pattern.search(text) for path, text in files.items() if path != file)


def _imports(file: str, before: Shape, after: Shape, files: Mapping[str, str]) -> None:
    fresh = set(after.imports.values()) - set(before.imports.values())
    if not fresh:
        return
    known = set(before.imports.values())
    for path, text in files.items():
        if path.endswith(".py") and path != file:
            known |= _imported(text)
    packages = {origin.split(":")[0].split(".")[0] for origin in known}
    packages |= {other for name in packages for other in COMES_WITH.get(name, ())}
    for origin in sorted(fresh):
        module, _, name = origin.partition(":")
        top = module.split(".")[0]
        if origin in known or (origin in WELL_KNOWN and top in packages):
            continue
        if top in _NO_SIDE_EFFECTS and _in_library(module, name):
            continue
        if _in_project(module, name, files):
            continue
        raise Refused("import_unknown", f"{origin.replace(':', '.')} is not known in this project")


def _imported(text: str) -> set[str]:
    try:
        return set(shape(text).imports.values())
    except (SyntaxError, ValueError):
        return set()


def _in_library(module: str, name: str) -> bool:
    try:
        found = importlib.import_module(module)
    except ImportError:
        return False
    return not name or hasattr(found, name)


def _in_project(module: str, name: str, files: Mapping[str, str]) -> bool:
    path = module.lstrip(".").replace(".", "/")
    for file in files:
        own = file.removesuffix(".py").removesuffix("/__init__")
        if not file.endswith(".py") or not (own == path or own.endswith(f"/{path}")):
            continue
        return (
            not name
            or re.search(rf"(?m)^\s*(?:def|class|async def)?\s*{name}\b", files[file]) is not None
        )
    return False


def _place(finding: Finding, before: Shape, before_text: str, after_text: str) -> None:
    """Only lines of the finding's own function change; imports at the top may."""
    around = innermost(before, finding.line)
    while around.name != MODULE and "." in around.name and not around.statements:
        around = before.blocks.get(around.name.rsplit(".", 1)[0], around)
    old, new = changed_lines(before_text, after_text)
    import_lines = {
        line
        for node in before.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    text = before_text.split("\n")
    for line in old:
        inside = around.first <= line <= around.last
        elsewhere = around.name == MODULE and innermost(before, line).name != MODULE
        if (not inside or elsewhere) and line not in import_lines and text[line - 1].strip():
            raise Refused("other_place", f"line {line} is not part of {around.name}")
    _added(around, before, after_text, new)


def _added(around: Block, before: Shape, after_text: str, new: list[int]) -> None:
    """What is new stands in the same function, or is an import."""
    after = shape(after_text)
    imports = {
        line
        for node in after.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    text = after_text.split("\n")
    for line in new:
        if line in imports or not text[line - 1].strip():
            continue
        if innermost(after, line).name.rstrip("'") != around.name.rstrip("'"):
            inner = innermost(after, line).name
            if inner.startswith(f"{around.name}.") and around.name in before.blocks:
                continue
            raise Refused("other_place", f"line {line} of the result is not part of {around.name}")


def _block(finding: Finding, before: Block, after: Block) -> None:
    renaming = finding.rule == RENAMING
    if before.arguments != after.arguments and not renaming:
        raise Refused("parameters", f"{before.name} takes other parameters")
    left = Counter(before.decorators) - Counter(after.decorators)
    kept = [item for item in after.decorators if item in before.decorators]
    if (left or kept != before.decorators) and not renaming:
        raise Refused("decorator", f"a decorator of {before.name} is removed or changed")
    if after.routes > before.routes:
        raise Refused("open_route", f"{before.name} gets another route")
    if len(after.statements) < len(before.statements) and finding.rule not in REMOVING:
        raise Refused("statements_removed", f"{before.name} does less than before")
    if renaming:
        return
    about = _lines(finding)
    gone = Counter(dump for dump, *_ in before.statements)
    gone -= Counter(dump for dump, *_ in after.statements)
    for dump, first, last in before.statements:
        if gone[dump] and not about & set(range(first, last + 1)):
            raise Refused("unrelated_change", f"line {first} is changed, and is not about this")
    if missing := _uncalled(before, after, about):
        raise Refused("call_removed", f"{missing} is no longer called in {before.name}")


def _lines(finding: Finding) -> set[int]:
    """The lines a finding is about: its own, and those that its flow of data goes through."""
    lines = set(range(finding.line, max(finding.end_line, finding.line) + 1))
    return lines | {step.line for step in finding.taint_path if step.file == finding.file}


def _uncalled(before: Block, after: Block, about: set[int]) -> str | None:
    """A call outside the lines in question that is gone."""
    gone = before.calls - after.calls
    for dump, first, last in before.statements:
        if about & set(range(first, last + 1)):
            for name in list(gone):
                if f"'{name.rsplit('.', 1)[-1]}'" in dump:
                    del gone[name]
    return next(iter(gone), None)

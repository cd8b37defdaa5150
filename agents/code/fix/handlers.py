"""Repairs around exceptions: a 404 that becomes a 500, and texts that clients should not see."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.fix.edit import Edit, Source
from agents.code.gate.patch import Proposal

HIDDEN = "An internal error occurred"


def swallowed_404(source: Source) -> Iterator[Proposal]:
    """``swallowed-404``: HTTP errors pass through the handler that catches everything."""
    for node in source.near(ast.Try):
        for handler in node.handlers:
            broad = handler.type is None or ast.unparse(handler.type) in {
                "Exception",
                "BaseException",
            }
            if not broad:
                continue
            start = source.at(handler.lineno, 0)
            indent = source.indent(handler.lineno)
            step = source.indent(handler.body[0].lineno).removeprefix(indent) or "    "
            if handler.body[0].lineno == handler.lineno:
                step = "    "
            new = f"{indent}except HTTPException:\n{indent}{step}raise\n"
            why = (
                "A missing row is 404 again: HTTPException is raised before everything is caught."
            )
            yield source.proposal(
                "swallowed_404",
                [(start, start, new)],
                why,
                ("from werkzeug.exceptions import HTTPException",),
            )
            return


def exception_text(source: Source) -> Iterator[Proposal]:
    """``exception-text-to-client``: the client gets a sentence, the log gets the exception."""
    for handler in source.near(ast.ExceptHandler):
        if handler.name is None:
            continue
        line = source.finding.line
        uses = [
            node
            for part in handler.body
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and node.id == handler.name
        ]
        shown = [
            node
            for node in uses
            if (statement := _statement(source, node)) is not None
            and statement.lineno <= line <= (statement.end_lineno or statement.lineno)
        ]
        if not shown:
            continue
        edits: list[Edit] = []
        for node in shown:
            edit = (*source.span(_whole(source, node)), f'"{HIDDEN}"')
            if edit not in edits:
                edits.append(edit)
        first = handler.body[0]
        if not _logs(handler):
            start = source.at(first.lineno, first.col_offset)
            note = f'logging.getLogger(__name__).exception("{_name(source, handler)} failed")\n'
            edits.append((start, start, note + source.indent(first.lineno)))
        if len(shown) == len(uses):
            edits.append(_unnamed(source, handler))
        why = "The text of an exception tells strangers about tables, paths and versions."
        imports = () if _logs(handler) else ("import logging",)
        yield source.proposal("exception_text", edits, why, imports)
        return


def _statement(source: Source, node: ast.AST) -> ast.stmt | None:
    return node if isinstance(node, ast.stmt) else source.enclosing(node, ast.stmt)


def _whole(source: Source, node: ast.AST) -> ast.AST:
    """The expression that makes the text: ``str(e)``, ``f"… {e}"``, ``e.args[0]``."""
    whole = node
    above = source.parents.get(whole)
    while above is not None:
        text_made = isinstance(
            above, ast.JoinedStr | ast.FormattedValue | ast.Attribute | ast.BinOp
        )
        call = isinstance(above, ast.Call) and (
            ast.unparse(above.func) in {"str", "repr"}
            or (isinstance(above.func, ast.Attribute) and whole is above.func)
            or (isinstance(above.func, ast.Attribute) and above.func.attr == "format")
        )
        subscript = isinstance(above, ast.Subscript) and above.value is whole
        if not (text_made or call or subscript):
            break
        whole = above
        above = source.parents.get(whole)
    return whole


def _logs(handler: ast.ExceptHandler) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"exception", "error", "critical", "warning"}
        for part in handler.body
        for node in ast.walk(part)
    )


def _name(source: Source, handler: ast.ExceptHandler) -> str:
    function = source.enclosing(handler, ast.FunctionDef)
    return function.name if function is not None else "request"


def _unnamed(source: Source, handler: ast.ExceptHandler) -> Edit:
    """``except E as e:`` becomes ``except E:``, since nothing uses the name any more."""
    assert handler.type is not None
    start = source.span(handler.type)[1]
    if source.text[start : start + 1] == ")":
        start += 1
    end = source.text.index(":", start)
    return start, end, ""

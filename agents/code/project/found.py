"""A finding of a project rule, made from a syntax node."""

from __future__ import annotations

import ast

from agents.code.model import Confidence, Finding, IssueType, Severity
from agents.code.modules import Module

_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def found(
    module: Module,
    node: ast.AST,
    rule: str,
    message: str,
    issue_type: IssueType,
    severity: Severity,
    confidence: Confidence = "high",
    cwe: int | None = None,
) -> Finding:
    """A finding at a node's first line."""
    line = getattr(node, "lineno", 1)
    return Finding(
        rule=rule,
        file=module.file,
        line=line,
        end_line=getattr(node, "end_lineno", None) or line,
        column=getattr(node, "col_offset", 0) + 1,
        scope=module.scope_at(line),
        message=message,
        issue_type=issue_type,
        severity=severity,
        confidence=confidence,
        cwe=cwe,
        evidence=module.text_at(line),
        sources=("project",),
    )


def name_of(node: ast.AST | None) -> str:
    """``a.b.c`` of a chain of attributes and names, calls left out; "" for anything else."""
    parts: list[str] = []
    while node is not None:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        else:
            return ".".join(reversed(parts)) if parts else ""
    return ".".join(reversed(parts))


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def within(node: ast.AST) -> list[ast.AST]:
    """A function's own nodes, those of functions inside it left out."""
    known: list[ast.AST] | None = node.__dict__.get("_own_nodes")
    if known is not None:
        return known
    nodes: list[ast.AST] = []
    stack = list(ast.iter_child_nodes(node))
    while stack:
        child = stack.pop()
        nodes.append(child)
        if not isinstance(child, _INNER):
            stack += ast.iter_child_nodes(child)
    # Kept at the node itself: a dozen rules ask for the same function.
    node.__dict__["_own_nodes"] = nodes
    return nodes


def text_of(node: ast.AST | None) -> str | None:
    """A literal text, None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """An argument given by name."""
    return next((item.value for item in node.keywords if item.arg == name), None)

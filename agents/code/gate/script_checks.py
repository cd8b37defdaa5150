"""The conditions for a changed JavaScript file, on tree-sitter's syntax tree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from agents.code.gate.patch import Refused, changed_lines
from agents.code.gate.python_shape import SUPPRESSION
from agents.code.model import Finding

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

NEAR_LINES = 20
"""How far from the finding a line may change."""
_DANGEROUS = re.compile(
    r"\b(?:eval|Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|setTimeout\(['\"]"
    r"|dangerouslySetInnerHTML|localStorage|__proto__|import\()"
)
_FUNCTIONS = frozenset({
    "function_declaration", "method_definition", "generator_function_declaration",
    "class_declaration",
})  # fmt: skip


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_javascript

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))


def check(finding: Finding, before: str, after: str) -> None:
    """Raises Refused."""
    old, new = _parser().parse(before.encode()), _parser().parse(after.encode())
    if _errors(new.root_node) > _errors(old.root_node):
        raise Refused("syntax", "the changed file does not parse")
    if [*_tokens(old.root_node)] == [*_tokens(new.root_node)]:
        raise Refused("only_comments", "nothing but comments or white space changes")
    if len(SUPPRESSION.findall(after)) > len(SUPPRESSION.findall(before)):
        raise Refused("suppression", "a comment that silences a tool is added")
    if len(_DANGEROUS.findall(after)) > len(_DANGEROUS.findall(before)):
        raise Refused("dynamic_code", "a way to run or show raw text is added")
    names = _defined(old.root_node)
    if names != _defined(new.root_node):
        raise Refused("definition_removed", "a function or its parameters are changed")
    if _count(new.root_node, "empty_statement", "debugger_statement") > _count(
        old.root_node, "empty_statement", "debugger_statement"
    ) or _statements(new.root_node) < _statements(old.root_node):
        raise Refused("statements_removed", "the file does less than before")
    if _empty_catches(new.root_node) > _empty_catches(old.root_node):
        raise Refused("swallowed", "an exception is swallowed")
    lines, _ = changed_lines(before, after)
    for line in lines:
        if abs(line - finding.line) > NEAR_LINES:
            raise Refused("other_place", f"line {line} is far from the finding")


def _walk(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack += reversed(found.children)


def _errors(node: Node) -> int:
    return sum(found.is_error or found.is_missing for found in _walk(node))


def _tokens(node: Node) -> Iterator[bytes]:
    for found in _walk(node):
        if not found.children and found.type != "comment" and found.text:
            yield found.text


def _defined(node: Node) -> Counter[bytes]:
    named: Counter[bytes] = Counter()
    for found in _walk(node):
        if found.type in _FUNCTIONS:
            name = found.child_by_field_name("name")
            parameters = found.child_by_field_name("parameters")
            named[(name.text or b"") if name else b""] += 1
            named[(parameters.text or b"") if parameters else b""] += 1
    return named


def _count(node: Node, *kinds: str) -> int:
    return sum(found.type in kinds for found in _walk(node))


def _statements(node: Node) -> int:
    return sum(
        found.type.endswith(("_statement", "_declaration")) and found.type != "empty_statement"
        for found in _walk(node)
    )


def _empty_catches(node: Node) -> int:
    count = 0
    for found in _walk(node):
        if found.type == "catch_clause":
            body = found.child_by_field_name("body")
            count += body is not None and not any(
                child.is_named and child.type != "comment" for child in body.children
            )
    return count

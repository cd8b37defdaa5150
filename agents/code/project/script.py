"""JavaScript as far as the rules need it: which paths pages ask for, and what they write as HTML.

tree-sitter reads the files; it goes on after syntax errors, so a file it does not fully understand
is still looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from agents.code.model import Finding, Severity

SUFFIXES = (".js", ".mjs", ".cjs", ".jsx")
_VERBS = frozenset({"get", "post", "put", "patch", "delete"})
_WRITES = frozenset({"innerHTML", "outerHTML"})
_ESCAPES = re.compile(r"escape|sanitiz|purify|encode|textContent|\bNumber\(|parseInt|parseFloat|"
                      r"toFixed|toLocale|\.length\b|format(?:Date|Number|Time|Money|Currency)|String\(\d",
                      re.IGNORECASE)  # fmt: skip
_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request a page makes. path: with ``*`` for what is put in; method: "" where unknown."""

    file: str
    line: int
    column: int
    path: str
    method: str
    evidence: str
    scope: str


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_javascript.language()))


@dataclass(slots=True)
class Script:
    """A file's code, and how far down it begins in the file."""

    file: str
    data: bytes
    lines: list[str]
    first_line: int
    root: Node
    set_in: dict[int, dict[str, list[Node]]] = field(default_factory=dict)
    """Function -> what its own variables are set to or lengthened by."""
    followed: set[str] = field(default_factory=set)
    """Variables being followed: two may be set to each other."""

    def text(self, node: Node) -> str:
        """A node's text."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def line(self, node: Node) -> int:
        """A node's line in the file, from 1."""
        return int(node.start_point[0]) + self.first_line


def scripts(file: str, text: str) -> Iterator[Script]:
    """The code of a JavaScript file, or of the scripts inside a page."""
    lines = text.split("\n")
    if file.endswith(SUFFIXES):
        data = text.encode("utf-8", "replace")
        yield Script(file, data, lines, 1, _parser().parse(data).root_node)
    elif file.endswith((".html", ".jinja", ".jinja2")):
        for match in _SCRIPT.finditer(text):
            data = match[1].encode("utf-8", "replace")
            first = text.count("\n", 0, match.start(1)) + 1
            yield Script(file, data, lines, first, _parser().parse(data).root_node)


def walk(root: Node) -> Iterator[Node]:
    """All nodes, parents first."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)


def requests(script: Script) -> Iterator[Asked]:
    """The requests that `fetch`, axios and their wrappers make with a path written out."""
    constants = _constants(script)
    for node in walk(script.root):
        if node.type != "call_expression":
            continue
        function = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if function is None or arguments is None or not arguments.named_children:
            continue
        name = script.text(function)
        method = _method(script, name, arguments)
        if method is None:
            continue
        path = _path(script, arguments.named_children[0], constants)
        if path is None or not path.startswith(("/", "*/")) or path.startswith("//"):
            continue
        line = script.line(node)
        yield Asked(script.file, line, int(node.start_point[1]) + 1, path, method,
                    script.lines[line - 1] if line <= len(script.lines) else "",
                    scope(script, node))  # fmt: skip


def _method(script: Script, name: str, arguments: Node) -> str | None:
    """The method of a call that makes a request; None for any other call."""
    last = name.rsplit(".", 1)[-1]
    if last in {"fetch", "apiFetch", "fetchWithAuth", "authFetch", "apiRequest", "fetchJSON"}:
        if len(arguments.named_children) < 2:
            return "GET"
        options = script.text(arguments.named_children[1])
        found = re.search(r"method\s*:\s*['\"`](\w+)['\"`]", options)
        if found:
            return found[1].upper()
        return "" if "method" in options or "..." in options or options.isidentifier() else "GET"
    if last in _VERBS and re.match(r"(?:axios|api|http|client|\$|\$http|apiClient)\b", name):
        return last.upper()
    return None


def _constants(script: Script) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in walk(script.root):
        if node.type == "variable_declarator":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name is not None and value is not None and value.type == "string":
                found[script.text(name)] = script.text(value)[1:-1]
    return found


def _path(script: Script, node: Node, constants: dict[str, str]) -> str | None:
    """The path that an expression gives, with ``*`` for what is not known."""
    if node.type == "string":
        return script.text(node)[1:-1]
    if node.type == "template_string":
        parts = []
        for child in node.children:
            if child.type == "string_fragment":
                parts.append(script.text(child))
            elif child.type == "template_substitution":
                inner = script.text(child)[2:-1].strip()
                parts.append(constants.get(inner, "*"))
        return _shortened("".join(parts))
    if node.type == "binary_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return None
        first, second = _path(script, left, constants), _path(script, right, constants)
        if first is None and second is None:
            return None
        return _shortened((first if first is not None else "*") + (second or "*"))
    if node.type == "identifier":
        return constants.get(script.text(node))
    return None


def _shortened(path: str) -> str:
    """A piece of the path that is not wholly known is not known."""
    head, *rest = path.split("?", 1)
    del rest
    if not head.startswith(("*", "/")):
        return head
    pieces = head.split("/")
    return "/".join(piece if "*" not in piece or n == 0 else "*" for n, piece in enumerate(pieces))


def scope(script: Script, node: Node) -> str:
    """The name of the function around a node, "" at the top."""
    names: list[str] = []
    parent = node.parent
    while parent is not None:
        if parent.type in {"function_declaration", "method_definition", "class_declaration"}:
            name = parent.child_by_field_name("name")
            if name is not None:
                names.append(script.text(name))
        elif parent.type == "variable_declarator":
            value, name = parent.child_by_field_name("value"), parent.child_by_field_name("name")
            if value is not None and name is not None and "function" in value.type:
                names.append(script.text(name))
        parent = parent.parent
    return ".".join(reversed(names))


def harms(script: Script) -> Iterator[Finding]:
    """Text put into a page as HTML without escaping, and code made of texts."""
    for node in walk(script.root):
        if node.type in {"assignment_expression", "augmented_assignment_expression"}:
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is None or right is None or left.type != "member_expression":
                continue
            name = script.text(left).rsplit(".", 1)[-1]
            if name in _WRITES and _loose(script, right):
                yield _finding(script, node, "dom-xss", "A value is put into the page as HTML; use"
                               " textContent or escape it", "high", 79)  # fmt: skip
        elif node.type == "call_expression":
            yield from _call(script, node)


_COMPOSED = frozenset({"template_string", "binary_expression", "identifier"})
"""Markup put together here; what a server sends whole (``html(data.page)``) is its own matter."""
_JQUERY = re.compile(
    r"^(?:jQuery|\$)\(.*\)\.(?:html|append|prepend|after|before)$|^\$\w+\.html$", re.DOTALL
)


def _call(script: Script, node: Node) -> Iterator[Finding]:
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    if function is None or arguments is None or not arguments.named_children:
        return
    name = script.text(function)
    given = arguments.named_children
    if name.endswith(".insertAdjacentHTML") and len(given) > 1 and _loose(script, given[1]):
        yield _finding(script, node, "dom-xss", "A value is put into the page as HTML; use"
                       " textContent or escape it", "high", 79)  # fmt: skip
    elif name in {"document.write", "document.writeln"} and _loose(script, given[0]):
        yield _finding(script, node, "dom-xss", "A value is written into the page as HTML",
                       "high", 79)  # fmt: skip
    elif _JQUERY.search(name) and given[0].type in _COMPOSED and _loose(script, given[0]):
        yield _finding(script, node, "dom-xss", "A value is put into the page as HTML; use"
                       " text() or escape it", "high", 79)  # fmt: skip
    elif name == "eval" and given[0].type != "string":
        yield _finding(script, node, "script-eval", "Text is run as code", "high", 95)
    elif name in {"setTimeout", "setInterval"} and given[0].type in {
        "template_string", "binary_expression"
    }:  # fmt: skip
        yield _finding(script, node, "script-eval", "Text is run as code", "medium", 95)


def _loose(script: Script, node: Node) -> bool:
    """Whether a value may hold markup of others: something put in that nothing escapes."""
    if node.type in {"string", "number", "null", "undefined"}:
        return False
    if node.type == "template_string":
        return any(
            child.type == "template_substitution" and _open(script, child)
            for child in node.children
        )
    if node.type in {"binary_expression", "ternary_expression", "parenthesized_expression"}:
        parts = list(node.named_children)
        if node.type == "ternary_expression":
            parts = parts[1:]
        return any(_loose(script, child) for child in parts)
    if node.type == "identifier":
        return _followed(script, node)
    if _ADDRESS.search(script.text(node)):
        return not _ESCAPES.search(script.text(node))
    if node.type == "call_expression":
        return _mapped(script, node)
    return node.type in {"member_expression", "subscript_expression"}


_ADDRESS = re.compile(
    r"\blocation\.(?:hash|search|href)\b|\bdocument\.referrer\b|\bwindow\.name\b"
)
"""What whoever made the link decides."""


def _followed(script: Script, node: Node) -> bool:
    """Whether a variable of the function around, or of the file's top, holds markup of others."""
    name, around = script.text(node), _function(node)
    if name in script.followed:
        return False
    values = script.set_in.get(around.id)
    if values is None:
        values = script.set_in[around.id] = _values(script, around)
    script.followed.add(name)
    loose = any(_loose(script, value) for value in values.get(name, ()))
    script.followed.discard(name)
    return loose


def _values(script: Script, around: Node) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    declared: set[str] = set()
    for node in walk(around):
        if node.type == "variable_declarator":
            target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if target is not None:
                declared.add(script.text(target))
        elif node.type in {"assignment_expression", "augmented_assignment_expression"}:
            target, value = node.child_by_field_name("left"), node.child_by_field_name("right")
        else:
            continue
        if target is not None and value is not None and target.type == "identifier":
            found.setdefault(script.text(target), []).append(value)
    return {name: values for name, values in found.items() if name in declared}


def _function(node: Node) -> Node:
    """The function around a node, else the whole file."""
    while node.parent is not None:
        node = node.parent
        if "function" in node.type or node.type == "method_definition":
            return node
    return node


def _open(script: Script, node: Node) -> bool:
    text = script.text(node)
    if _ESCAPES.search(text):
        return False
    inner = list(node.named_children)
    if len(inner) == 1 and inner[0].type in {"call_expression", "identifier"}:
        return _loose(script, inner[0])
    if len(inner) == 1 and inner[0].type == "ternary_expression":
        return any(_loose(script, part) for part in inner[0].named_children[1:])
    return len(inner) == 1 and inner[0].type in {"member_expression", "subscript_expression"}


def _mapped(script: Script, node: Node) -> bool:
    """``items.map(item => `<li>${item.name}</li>`).join("")``."""
    if _ESCAPES.search(script.text(node).split("(")[0]):
        return False
    return any(
        child.type == "template_substitution" and _open(script, child)
        for child in walk(node)
        if child is not node
    )


def _finding(
    script: Script, node: Node, rule: str, message: str, severity: Severity, cwe: int
) -> Finding:
    line = script.line(node)
    return Finding(
        rule=rule, file=script.file, line=line,
        end_line=int(node.end_point[0]) + script.first_line,
        column=int(node.start_point[1]) + 1, scope=scope(script, node), message=message,
        issue_type="security", severity=severity, confidence="medium", cwe=cwe,
        evidence=script.lines[line - 1] if line <= len(script.lines) else "",
        sources=("project",),
    )  # fmt: skip

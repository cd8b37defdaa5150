"""From places in a syntax tree to a proposal: text that stands once, and what replaces it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from agents.code.gate.patch import Proposal
from agents.code.model import Finding

N = TypeVar("N", bound=ast.AST)
Edit = tuple[int, int, str]
"""First and last character (exclusive) that go, and what comes there."""


@dataclass
class Source:
    """A parsed file and the finding in it. Raises SyntaxError or ValueError on `tree`."""

    finding: Finding
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def at(self, line: int, column: int) -> int:
        """The character of a place as ast counts it: lines from 1, columns in UTF-8 bytes."""
        start = self._starts[line - 1]
        bare = self.text[start : self._starts[line] - 1]
        return start + len(bare.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First and last character of a node (exclusive)."""
        return (
            self.at(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.at(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def code(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def near(self, kind: type[N]) -> Iterator[N]:
        """Nodes of a kind that cover the finding's line, the innermost first."""
        line = self.finding.line
        found = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, kind) and _first(node) <= line <= (node.end_lineno or node.lineno)  # type: ignore[attr-defined]
        ]
        return iter(sorted(found, key=lambda node: self.span(node)[1] - self.span(node)[0]))

    def enclosing(self, node: ast.AST, kind: type[N]) -> N | None:
        """The nearest parent of a kind."""
        above = self.parents.get(node)
        while above is not None and not isinstance(above, kind):
            above = self.parents.get(above)
        return above

    def indent(self, line: int) -> str:
        text = self.text[self._starts[line - 1] : self._starts[line] - 1]
        return text[: len(text) - len(text.lstrip())]

    def proposal(
        self,
        fixer: str,
        edits: Sequence[Edit],
        explanation: str,
        imports: tuple[str, ...] = (),
        drops: tuple[str, ...] = (),
    ) -> Proposal:
        """The edits as one replacement of whole lines, enlarged until it stands there once."""
        ordered = sorted(edits)
        first = self.text.rfind("\n", 0, ordered[0][0]) + 1
        last = self.text.find("\n", max(end for _, end, _ in ordered))
        last = len(self.text) if last < 0 else last
        while self.text.count(self.text[first:last]) != 1:
            grown_up = self.text.rfind("\n", 0, max(first - 1, 0)) + 1 if first else 0
            down = self.text.find("\n", last + 1)
            grown_down = len(self.text) if down < 0 else down
            if (grown_up, grown_down) == (first, last):
                break
            first, last = grown_up, grown_down
        pieces: list[str] = []
        place = first
        for start, end, new in ordered:
            pieces += (self.text[place:start], new)
            place = end
        pieces.append(self.text[place:last])
        return Proposal(
            self.finding.file,
            self.text[first:last],
            "".join(pieces),
            fixer,
            explanation,
            imports,
            drops,
        )

    def argument(self, call: ast.Call, text: str) -> Edit:
        """Adds an argument at the end of a call, on a line of its own where all have one."""
        _, end = self.span(call)
        given = sorted(self.span(one) for one in [*call.args, *call.keywords])
        if not given:
            return end - 1, end - 1, text
        start, after = given[-1]
        indent = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        hangs = "\n" in self.text[after:end] and not indent.strip()
        return after, after, f",\n{indent}{text}" if hangs else f", {text}"

    def without_keyword(self, call: ast.Call, word: ast.keyword) -> Edit:
        """Takes a keyword argument off, with the comma that goes with it."""
        start, end = self.span(word)
        call_start, call_end = self.span(call)
        before = self.text[call_start:start].rstrip()
        if before.endswith(","):
            comma = self.text.rfind(",", call_start, start)
            return comma, end, ""
        after = self.text[end:call_end]
        skipped = len(after) - len(after.lstrip(", \t"))
        return start, end + (skipped if after.lstrip().startswith(",") else 0), ""


def _first(node: ast.AST) -> int:
    """A node's first line, decorators included."""
    decorators = getattr(node, "decorator_list", ())
    lines: list[int] = [node.lineno, *(one.lineno for one in decorators)]  # type: ignore[attr-defined]
    return min(lines)


def called(call: ast.Call) -> str:
    """The dotted name of what is called."""
    return ast.unparse(call.func)


def literal(node: ast.AST | None) -> object:
    """A constant's value, else None."""
    return node.value if isinstance(node, ast.Constant) else None

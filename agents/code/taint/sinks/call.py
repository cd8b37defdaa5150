"""One call as the checks see it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from agents.code.modules import Place, holds_tests
from agents.code.taint.heap import only, whole
from agents.code.taint.run import Frame, Run
from agents.code.taint.values import Sequence, State, Table, Taint, Value


@dataclass(slots=True)
class Call:
    """A call of something outside the project, or of a class of it (`place`).

    dotted: what is called where imports tell it, else "". name: the last part as written.
    receiver: what a method is called on. more: values of ``*`` and ``**`` nobody can place.
    """

    run: Run
    frame: Frame
    node: ast.AST
    state: State
    dotted: str
    name: str
    receiver: Value | None
    args: list[Value]
    kwargs: dict[str, Value]
    more: list[Value]
    place: Place | None = None

    def arg(self, index: int, *names: str) -> Value | None:
        """An argument by position (-1: by name alone) or by one of its names; None if absent."""
        if 0 <= index < len(self.args):
            return self.args[index]
        for name in names:
            if name in self.kwargs:
                return self.kwargs[name]
        return None

    def const(self, index: int, *names: str, default: Any = None) -> Any:
        """A constant argument; `default` where it is absent or not constant."""
        value = self.arg(index, *names)
        return value.const if value is not None and value.known else default

    def whole(self, value: Value | None) -> Value:
        """A value with the taints of all it holds."""
        return whole(self.run, self.state, value) if value is not None else Value()

    def live(self, value: Value | None, family: str) -> Taint | None:
        """The first taint in a value, or in what it holds, that can do that harm."""
        if value is None:
            return None
        return self.run.live(self.whole(value), family, self.state)

    def items(self, value: Value | None) -> Sequence | None:
        """The list that a value is."""
        found = only(self.run, self.state, value, Sequence) if value is not None else None
        return found if isinstance(found, Sequence) else None

    def table(self, value: Value | None) -> Table | None:
        """The dictionary that a value is."""
        found = only(self.run, self.state, value, Table) if value is not None else None
        return found if isinstance(found, Table) else None

    def flow(self, rule: str, family: str, value: Value | None, **more: Any) -> bool:
        """Report a flow where the value can do that harm. Returns whether it can."""
        taint = self.live(value, family)
        if taint is None:
            return False
        if taint.origin == "suspected" and not more.pop("bare", True) and not taint.mixed:
            return False
        more.pop("bare", None)
        self.run.report(rule, self.frame, self.node, taint, **more)
        return True

    def pattern(self, rule: str, **more: Any) -> None:
        """Report a pattern that needs no data from outside.

        A test's own constants say nothing of the code that they are passed to.
        """
        entry = self.run.entry
        if (
            entry is not None
            and entry.place.module is not self.frame.module
            and holds_tests(entry.place.module.file)
        ):
            return
        self.run.report(rule, self.frame, self.node, **more)

    @property
    def kind(self) -> str:
        """The receiver's kind, "" without a receiver."""
        return self.receiver.kind if self.receiver is not None else ""

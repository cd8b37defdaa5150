"""What a stack trace says: exceptions, how they follow each other, and through which frames."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal

Language = Literal["python", "javascript"]
Relation = Literal["first", "cause", "context", "member"]
"""How an exception follows the one before it: ``raise … from``, raised while handling it, or as
one of a group."""

FOREIGN = re.compile(
    r"site-packages|dist-packages|/lib(?:64)?/python\d|^<(?!template>)|importlib|^lib/sqlalchemy/"
    r"|node_modules|^node:|^internal/|\(native\)|^native$|extension://"
    r"|^webpack/|/vendor/|\.min\.js"
)
FINGERPRINT_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One call. file: as the trace names it; line: from 1, None where it tells none; code: the
    line's text, "" where it tells none."""

    file: str
    line: int | None
    function: str
    code: str = ""
    column: int | None = None
    repeated: int = 0
    """How many more times the same call stood there (recursion)."""

    @property
    def in_app(self) -> bool:
        """False for the standard library, installed packages and the runtime itself."""
        return FOREIGN.search(self.file.replace("\\", "/")) is None

    @property
    def short_file(self) -> str:
        """The file without the folder it is deployed in: its last two parts."""
        return "/".join(self.file.replace("\\", "/").split("/")[-2:]).lstrip("/")


@dataclass(frozen=True, slots=True)
class Problem:
    """One exception. frames: outermost first. relation: to the problem before it in the trace."""

    type: str
    message: str
    frames: tuple[Frame, ...] = ()
    relation: Relation = "first"

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rsplit(".", 1)[-1]

    @property
    def culprit(self) -> Frame | None:
        """The last frame in the application's own code, else None."""
        return next((frame for frame in reversed(self.frames) if frame.in_app), None)


@dataclass(frozen=True, slots=True)
class Trace:
    """A stack trace. problems: in the order they were raised, at least one. request: the call that
    failed, as the framework's log names it (``GET /api/clients/12``)."""

    language: Language
    problems: tuple[Problem, ...]
    request: str = ""

    @property
    def root(self) -> Problem:
        """The root cause: what was raised first, the first member of a group."""
        return self.problems[0]

    @property
    def final(self) -> Problem:
        """What reached the top."""
        return next(
            (problem for problem in reversed(self.problems) if problem.relation != "member"),
            self.problems[-1],
        )

    @property
    def culprit(self) -> Frame | None:
        """The last own frame of the root cause, else that of the nearest problem with one."""
        found = (problem.culprit for problem in self.problems)
        return next((frame for frame in found if frame is not None), None)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that survive other deployments, moved lines and other values.

        Made of the root's type and its last four own frames: file, function, text of the line.
        """
        frames = [frame for frame in self.root.frames if frame.in_app] or [*self.root.frames]
        parts = [self.root.name]
        for frame in frames[-FINGERPRINT_FRAMES:]:
            code = re.sub(r"\s+", " ", frame.code).strip()
            parts.append(f"{frame.short_file}\x1f{frame.function}\x1f{code}")
        if not frames:
            parts.append(re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "?", self.root.message)[:200])
        return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:16]

    def placed(self, files: dict[str, str]) -> Trace:
        """The same trace with frames moved to the given files: path -> text.

        A frame meets the file whose path ends alike; where its line no longer has that text, the
        nearest line that has it counts. Frames without a file stay as they are.
        """
        problems = tuple(
            replace(problem, frames=tuple(_placed(frame, files) for frame in problem.frames))
            for problem in self.problems
        )
        return replace(self, problems=problems)


def _placed(frame: Frame, files: dict[str, str]) -> Frame:
    path = match_file(frame.file, files)
    if path is None:
        return frame
    lines = files[path].splitlines()
    line = frame.line
    here = lines[line - 1].strip() if line and line <= len(lines) else ""
    wanted = frame.code.strip()
    if wanted and here != wanted:
        alike = [n for n, text in enumerate(lines, 1) if text.strip() == wanted]
        if alike:
            line = min(alike, key=lambda n: abs(n - (frame.line or n)))
    elif not wanted:
        wanted = here
    return replace(frame, file=path, line=line, code=wanted)


def match_file(file: str, files: dict[str, str]) -> str | None:
    """The path of `files` that ends like `file`, the longest common ending first; None: none."""
    parts = file.replace("\\", "/").split("?")[0].split("/")
    best: tuple[int, str] | None = None
    for path in files:
        own = path.split("/")
        same = 0
        for mine, theirs in zip(reversed(own), reversed(parts), strict=False):
            if mine != theirs:
                break
            same += 1
        whole = same == len(own) or same == len(parts)
        if same and (whole or same >= 2) and (best is None or same > best[0]):
            best = (same, path)
    return best[1] if best else None

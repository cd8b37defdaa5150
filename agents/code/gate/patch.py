"""A proposal becomes a changed file, the changed file a unified diff, and the diff applies."""

from __future__ import annotations

import ast
import difflib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOST_LINES = 60
"""Lines that a proposal may add and remove, together with its imports."""
GIT_SECONDS = 20.0
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Refused(Exception):
    """A proposal that does not pass. reason: a word of a closed list; detail: a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Proposal:
    """What should stand where. file: path in the project; existing_code: text that occurs exactly
    once in it; imports: import lines to add at the top where they are missing; fixer: what made
    it (``timeout``, ``ruff:F401``, ``model``)."""

    file: str
    existing_code: str
    replacement_code: str
    fixer: str
    explanation: str = ""
    imports: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    """Modules whose plain import goes if nothing uses it any more."""


def patched(text: str, proposal: Proposal) -> str:
    """The file as the proposal wants it. Raises Refused."""
    count = text.count(proposal.existing_code) if proposal.existing_code.strip() else 0
    if count != 1:
        raise Refused(
            "existing_code_not_unique",
            f"existing_code occurs {count} times in {proposal.file}; expected exactly once",
        )
    if proposal.existing_code == proposal.replacement_code and not proposal.imports:
        raise Refused("no_change", "replacement_code is the same as existing_code")
    after = text.replace(proposal.existing_code, proposal.replacement_code)
    if proposal.imports:
        after = with_imports(after, proposal.imports)
    return without_imports(after, proposal.drops) if proposal.drops else after


def with_imports(text: str, imports: tuple[str, ...]) -> str:
    """The file with these imports among its first ones. Raises Refused for other lines."""
    for line in imports:
        if not re.fullmatch(r"(?:from [\w.]+ )?import \w[\w., ]*", line):
            raise Refused("imports", f"{line[:80]!r} is no import line")
    tree = _parsed(text)
    present = {name for node in tree.body for name in _imported(node)}
    missing = [line for line in imports if not _imported(ast.parse(line).body[0]) <= present]
    if not missing:
        return text
    lines = text.split("\n")
    at = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (_is_import(node) or _is_header(node) or (docstring and node is tree.body[0])):
            break
        at = node.end_lineno or node.lineno
    lines[at:at] = missing if at else [*missing, ""]
    return "\n".join(lines)


def without_imports(text: str, names: tuple[str, ...]) -> str:
    """The file without those of ``import name`` at its top that nothing uses. Raises Refused."""
    tree = _parsed(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    lines = text.split("\n")
    for node in reversed(tree.body):
        if isinstance(node, ast.Import) and len(node.names) == 1:
            name = node.names[0].name
            bare = lines[node.lineno - 1].strip() == f"import {name}"
            if bare and name in names and name not in used:
                del lines[node.lineno - 1]
    return "\n".join(lines)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise Refused("syntax", f"the changed file does not parse: {error}") from None


def _imported(node: ast.stmt) -> set[tuple[str, str, str | None]]:
    """Module, name and own name of each part of an import: ``import os, logging`` has two."""
    if isinstance(node, ast.Import):
        return {(alias.name, "", alias.asname) for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return {(module, alias.name, alias.asname) for alias in node.names}
    return set()


def _is_header(node: ast.stmt) -> bool:
    """``__author__ = "…"`` stands above the imports, also above those from the future."""
    if not isinstance(node, ast.Assign):
        return False
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    return bool(names) and all(name.startswith("__") and name.endswith("__") for name in names)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def unified(path: str, before: str, after: str, context: int = 3) -> str:
    """The difference as ``git apply`` takes it, with lines of context around; "" for none."""
    made = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{path}",
        f"b/{path}",
        n=context,
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in made
    )


def apply(before: str, diff: str) -> str:
    """The file after exactly this diff of one file. Raises Refused where it does not fit."""
    old = before.splitlines(keepends=True)
    new: list[str] = []
    at = 0
    for line, bare in _told(diff):
        if found := _HUNK.match(line):
            start = int(found[1]) - (0 if found[2] == "0" else 1)
            if start < at:
                raise Refused("does_not_apply", "hunks overlap")
            new += old[at:start]
            at = start
        elif line.startswith(("--- ", "+++ ")) and not new and at == 0:
            continue
        elif line.startswith("+"):
            new.append(line[1:].rstrip("\n") if bare else line[1:])
        elif line.startswith((" ", "-")):
            wanted = line[1:].rstrip("\n") if bare else line[1:]
            if at >= len(old) or old[at] != wanted:
                raise Refused("does_not_apply", f"line {at + 1} is not what the diff says")
            if line.startswith(" "):
                new.append(old[at])
            at += 1
        else:
            raise Refused("does_not_apply", f"{line[:60]!r} is no line of a diff")
    return "".join(new + old[at:])


def _told(diff: str) -> list[tuple[str, bool]]:
    """The diff's lines; True where the file's line has no newline at its end."""
    told: list[tuple[str, bool]] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", diff):
        if line.startswith("\\"):
            told[-1] = (told[-1][0], True)
        else:
            told.append((line, False))
    return told


def changed_lines(before: str, after: str) -> tuple[list[int], list[int]]:
    """Numbers of the lines that are gone in `before`, and of those that are new in `after`."""
    matcher = difflib.SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False)
    old: list[int] = []
    new: list[int] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            old += range(i + 1, j + 1)
            new += range(k + 1, m + 1)
    return old, new


def git_takes(path: str, before: str, diff: str) -> bool | None:
    """Whether ``git apply --check`` takes the diff; None without a git program."""
    git = shutil.which("git")
    if git is None:
        return None
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        target = Path(folder, *PurePosixPath(path).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(before.encode("utf-8", "surrogatepass"))
        done = subprocess.run(
            [git, "apply", "--check", "--whitespace=nowarn", "-"],
            input=diff.encode("utf-8", "surrogatepass"),
            cwd=folder,
            env={"HOME": folder, "PATH": "", "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)},
            capture_output=True,
            check=False,
            timeout=GIT_SECONDS,
        )
    return done.returncode == 0

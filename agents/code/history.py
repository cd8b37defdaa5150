"""A project's past, read from its git repository by dulwich: no git program, no checkout.

Trees are read as they were committed; a working tree's own changes are not in them. Line spans of
a change are those of its new side, from 1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.code.collect import Refused
from agents.code.secrets import secret_file

if TYPE_CHECKING:
    from dulwich.objects import Commit, ObjectID
    from dulwich.repo import Repo

MOST_FILE_BYTES = 1_000_000
_BACK = re.compile(r"(.+?)((?:~\d*|\^)+)")
Spans = dict[str, list[tuple[int, int]]]
"""Path -> first and last line of what is new."""


@dataclass(frozen=True, slots=True)
class Step:
    """One commit. parent: the first parent's id, None for the first commit; subject: a line."""

    commit: str
    parent: str | None
    subject: str
    when: int


class History:
    """The repository around a folder. Raises Refused where there is none."""

    def __init__(self, path: Path) -> None:
        from dulwich.errors import NotGitRepository
        from dulwich.repo import Repo

        try:
            self._repo: Repo = Repo.discover(str(path))
        except NotGitRepository:
            raise Refused("path", f"is {str(path)[:200]!r}; there is no git repository") from None
        self.root = Path(self._repo.path).resolve()
        self._texts: dict[ObjectID, bytes] = {}

    def close(self) -> None:
        self._repo.close()

    def within(self, folder: Path) -> str:
        """A folder's place in the repository, "" for its root. Raises ValueError outside it."""
        place = folder.resolve().relative_to(self.root)
        return "" if place == Path() else place.as_posix()

    def commit(self, name: str) -> str:
        """The full id of a commit, branch, tag or ``HEAD~3``. Raises Refused."""
        return self._commit(name).id.decode()

    def head(self) -> str:
        return self.commit("HEAD")

    def merge_base(self, one: str, other: str) -> str:
        """Where two lines of work parted; the first of several; `one` where they share nothing."""
        from dulwich.graph import find_merge_base

        first, second = self._commit(one).id, self._commit(other).id
        found = find_merge_base(self._repo, [first, second])
        return (found[0] if found else first).decode()

    def blobs(self, commit: str) -> dict[str, ObjectID]:
        """Path -> blob id of every file of a commit; links, submodules and secret files left
        out."""
        from dulwich.object_store import iter_tree_contents

        tree = self._commit(commit).tree
        found: dict[str, ObjectID] = {}
        for entry in iter_tree_contents(self._repo.object_store, tree):
            path = entry.path.decode("utf-8", "replace")
            if entry.mode in (0o100644, 0o100755, 0o100664) and not secret_file(path):
                found[path] = entry.sha
        return found

    def read(self, blobs: Mapping[str, ObjectID]) -> dict[str, bytes]:
        """The content of blobs; those above 1 MB are left out."""
        found: dict[str, bytes] = {}
        for path, sha in blobs.items():
            if sha not in self._texts:
                blob = self._repo.object_store[sha]
                self._texts[sha] = blob.as_raw_string()
            if len(self._texts[sha]) <= MOST_FILE_BYTES:
                found[path] = self._texts[sha]
        return found

    def tree(self, commit: str, within: str = "") -> dict[str, bytes]:
        """Every file of a commit below a folder of the repository, its paths from there."""
        blobs = self.blobs(commit)
        prefix = f"{within.strip('/')}/" if within.strip("/") else ""
        return self.read(
            {
                path.removeprefix(prefix): sha
                for path, sha in blobs.items()
                if path.startswith(prefix)
            }
        )

    def changed(self, old: str, new: str, within: str = "") -> tuple[Spans, set[str]]:
        """What a change from one commit to another added, and which files it removed."""
        prefix = f"{within.strip('/')}/" if within.strip("/") else ""
        before, after = self.blobs(old), self.blobs(new)
        spans: Spans = {}
        for path, sha in after.items():
            if before.get(path) == sha or not path.startswith(prefix):
                continue
            was = self.read({path: before[path]}) if path in before else {}
            now = self.read({path: sha})
            if path in now:
                old_text, new_text = _text(was.get(path, b"")), _text(now[path])
                spans[path.removeprefix(prefix)] = new_lines(old_text, new_text)
        gone = {
            path.removeprefix(prefix)
            for path in before.keys() - after.keys()
            if path.startswith(prefix)
        }
        return spans, gone

    def steps(
        self, *, limit: int, grep: str = "", within: str = "", start: str = "HEAD"
    ) -> Iterator[Step]:
        """Commits with one parent, newest first, that touch a folder, and whose message holds
        `grep` (letters' size does not matter)."""
        found = 0
        paths = [within.strip("/").encode()] if within.strip("/") else None
        for entry in self._repo.get_walker(include=[self._commit(start).id], paths=paths):
            commit = entry.commit
            message = commit.message.decode("utf-8", "replace")
            if len(commit.parents) > 1 or grep.lower() not in message.lower():
                continue
            parent = commit.parents[0].decode() if commit.parents else None
            subject = message.strip().split("\n", 1)[0][:120]
            yield Step(commit.id.decode(), parent, subject, commit.commit_time)
            found += 1
            if found >= limit:
                return

    def _commit(self, name: str) -> Commit:
        from dulwich.objectspec import parse_commit

        bare, back = _BACK.fullmatch(name), 0
        try:
            if bare is None:
                return parse_commit(self._repo, name)
            back = sum(int(steps or 1) for steps in re.findall(r"[~^](\d*)", bare[2]))
            found = parse_commit(self._repo, bare[1])
            for _ in range(back):
                found = parse_commit(self._repo, found.parents[0])
            return found
        except (KeyError, ValueError, IndexError):
            raise Refused(
                "range", f"names {name[:80]!r}; there is no such commit, branch or tag"
            ) from None


def new_lines(before: str, after: str) -> list[tuple[int, int]]:
    """Spans of lines that `after` has anew."""
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        (first + 1, last) for tag, _, _, first, last in matcher.get_opcodes()
        if tag in {"insert", "replace"} and last > first
    ]  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def split_range(text: str) -> tuple[str, str, bool]:
    """``A..B`` or ``A...B`` (since they parted): both names, and whether three dots stand there.

    An empty side is HEAD. Raises Refused.
    """
    three = "..." in text
    old, dots, new = text.partition("..." if three else "..")
    if not dots or any(character.isspace() for character in text):
        raise Refused("range", f"is {text[:80]!r}; expected A..B, such as origin/main..HEAD")
    return old or "HEAD", new or "HEAD", three

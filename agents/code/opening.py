"""From a request's data to the files to analyse, and what of them is new.

Runs in the worker process. `root` is the watched folder: no path leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.code import collect
from agents.code.collect import Collected, Refused
from agents.code.history import History, Spans, split_range


@dataclass(slots=True)
class Opened:
    """whole: the files are a whole project, so what is not found in it is gone. A part of one
    says nothing of the rest, nor of what only the whole shows."""

    collected: Collected
    whole: bool = False
    commit: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)


def opened(
    given: Mapping[str, Any],
    root: str | None = None,
    tree: Mapping[str, bytes] | None = None,
    changed: Spans | None = None,
) -> Opened:
    """What a request is about. given: its keys; tree: the content of a `source`; changed: what of
    it is new. Raises Refused, naming the key."""
    if given.get("source") is not None:
        found = collect.tree(tree or {})
        found.changed = changed
        return Opened(found, whole=True, commit=given.get("commit"))
    if given.get("diff") is not None:
        base = given.get("files") or _folder(given, root)[0].files
        return Opened(collect.diff(given["diff"], base))
    if given.get("path") is not None:
        return _path(given, root)
    if given.get("files") is not None:
        return Opened(collect.files(given["files"]))
    if given.get("code") is not None:
        return Opened(collect.snippet(given["code"], given.get("file_path")))
    return Opened(Collected("snippet"))


def _folder(given: Mapping[str, Any], root: str | None) -> tuple[Collected, Path]:
    if root is None:
        raise Refused("path", "needs CODE_MONITOR_PATH: without it no folder may be read")
    base = Path(root)
    folder = base / given["path"]
    return collect.directory(folder, base), folder


def _path(given: Mapping[str, Any], root: str | None) -> Opened:
    """A folder as it stands; with `range`, the commit that the range ends with.

    Files are named from the root, whichever folder is looked at: a finding is one row.
    """
    text = given.get("range")
    if text is None:
        found, folder = _folder(given, root)
        return _placed(found, folder, root)
    if root is None:
        raise Refused("path", "needs CODE_MONITOR_PATH: without it no folder may be read")
    folder = (Path(root) / given["path"]).resolve()
    if not folder.is_relative_to(Path(root).resolve()) or not folder.is_dir():
        raise Refused(
            "path", f"is {given['path'][:200]!r}; expected a folder below the watched one"
        )
    with_history = History(folder)
    try:
        found, commit = committed(with_history, text, folder)
    finally:
        with_history.close()
    return _placed(found, folder, root, commit)


def _placed(found: Collected, folder: Path, root: str | None, commit: str | None = None) -> Opened:
    assert root is not None, "no folder is read without a root"
    place = folder.resolve().relative_to(Path(root).resolve())
    if folder.is_file():
        place = place.parent
    if place != Path():
        found.move(place.as_posix())
    return Opened(found, whole=folder.resolve() == Path(root).resolve(), commit=commit)


def committed(history: History, text: str, folder: Path) -> tuple[Collected, str]:
    """The files of a range's last commit, and that commit; what is new since its first counts."""
    old, new, three = split_range(text)
    if three:
        old = history.merge_base(old, new)
    commit = history.commit(new)
    within = history.within(folder)
    found = collect.tree(history.tree(commit, within))
    spans, _ = history.changed(old, commit, within)
    found.changed = spans
    return found, commit

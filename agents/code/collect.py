"""From what a request gives (a snippet, files, a diff, a folder) to the files to analyse.

Nothing outside the given root is read, no link is followed, and files that exist to keep secrets
are never opened. Whatever is left out stands in `skipped` with its reason; folders of
other people's code (`node_modules`, virtual environments) are left out silently.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchedFile, PatchSet

from agents.code.model import Kind, Skipped
from agents.code.secrets import secret_file

MOST_SNIPPET_BYTES = 500_000
MOST_FILES, MOST_FILES_BYTES = 200, 5_000_000
MOST_FILE_BYTES = 1_000_000
MOST_DIRECTORY_FILES, MOST_DIRECTORY_BYTES = 5_000, 50_000_000
LONGEST_LINE = 20_000
LONGEST_NAME = 255
"""Bytes of one part of a path, as file systems take it."""

PYTHON = frozenset({".py", ".pyw"})
SCRIPT = frozenset({".js", ".mjs", ".cjs", ".jsx"})
CONTEXT = frozenset(
    {".html", ".jinja", ".jinja2", ".yml", ".yaml", ".toml", ".json", ".ini", ".cfg"}
)
UNSUPPORTED = frozenset({".ts", ".tsx", ".vue", ".svelte"})
NAMED = frozenset({"Procfile", "Dockerfile"})
FOREIGN = frozenset({
    ".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "bower_components",
    "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", "site-packages",
    "dist", "build", ".next", "vendor", ".idea", ".vscode",
})  # fmt: skip


_BUNDLE = re.compile(
    r"\.min\.|\.(?:chunk|bundle)\.[cm]?js$|[.-](?=[0-9a-f]*\d)[0-9a-f]{16,}\.[\w.]*js$"
)
"""What a bundler writes: its kind or the hash of its content is in its name."""


class Refused(ValueError):
    """What was given cannot be analysed. key: which part of the input; the text says why."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key} {message}")
        self.key = key


@dataclass(slots=True)
class Collected:
    """What to analyse. changed: spans of new lines by file, None where all counts alike."""

    kind: Kind
    files: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    changed: dict[str, list[tuple[int, int]]] | None = None

    def move(self, folder: str) -> None:
        """Name all files as below a folder."""
        self.files = {f"{folder}/{name}": text for name, text in self.files.items()}
        self.skipped = [replace(item, file=f"{folder}/{item.file}") for item in self.skipped]
        if self.changed is not None:
            self.changed = {f"{folder}/{name}": rows for name, rows in self.changed.items()}


def relative(path: str, key: str = "file_path") -> str:
    """A file's name inside the project, with ``/``. Raises Refused for one that leaves it."""
    text = path.strip().replace("\\", "/")
    while text.startswith("./"):
        text = text[2:]
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in text:
        raise Refused(key, f"is {path[:200]!r}; expected a relative path inside the project")
    return "/".join(parts)


def snippet(code: str, file_path: str | None = None) -> Collected:
    """One piece of code. Raises Refused above 500 KB or for an impossible name."""
    size = len(code.encode("utf-8", "surrogatepass"))
    if size > MOST_SNIPPET_BYTES:
        raise Refused("code", f"has {size} bytes; expected {MOST_SNIPPET_BYTES} at most")
    name = _snippet_name(file_path)
    found = Collected("snippet")
    _take(found, name, code)
    return found


def _snippet_name(file_path: str | None) -> str:
    # Today's callers send absolute names of their own machine: they only name the snippet.
    name = (file_path or "snippet.py").strip().lstrip("/") or "snippet.py"
    name = relative(name)
    kind_known = PurePosixPath(name).suffix or _wanted(name) or secret_file(name)
    return name if kind_known else f"{name}.py"


def files(given: Mapping[str, str]) -> Collected:
    """Several files by name. Raises Refused above 200 files or 5 MB, or for impossible names."""
    if len(given) > MOST_FILES:
        raise Refused("files", f"holds {len(given)} files; expected {MOST_FILES} at most")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in given.values())
    if size > MOST_FILES_BYTES:
        raise Refused("files", f"holds {size} bytes; expected {MOST_FILES_BYTES} at most")
    found = Collected("files")
    for path, text in given.items():
        _take(found, relative(path, "files"), text)
    return found


def diff(text: str, base: Mapping[str, str]) -> Collected:
    """A unified diff over the files it is based on: the files as the diff leaves them.

    Files that the diff does not touch stay as they are, so that rules across files can run.
    Raises Refused for a text that is no diff, or that does not fit the base.
    """
    try:
        patches = PatchSet(text)
    except UnidiffParseError as error:
        raise Refused("diff", f"is no unified diff: {error}") from error
    if not patches:
        raise Refused("diff", "holds no change; expected a unified diff")
    found = Collected("diff", changed={})
    after = dict(base)
    spans: dict[str, list[tuple[int, int]]] = {}
    for patch in patches:
        path = relative(patch.path, "diff")
        if patch.is_binary_file:
            found.skipped.append(Skipped(path, "binary", "a binary file in the diff"))
        elif patch.is_removed_file:
            after.pop(path, None)
        else:
            old = relative(patch.source_file.removeprefix("a/"), "diff")
            before = "" if patch.is_added_file else base.get(path, base.get(old))
            if before is None:
                raise Refused("diff", f"changes {path}, which its base does not hold")
            if patch.is_rename:
                after.pop(old, None)
            after[path], spans[path] = _patched(path, before, patch)
    for path, content in after.items():
        _take(found, relative(path, "files"), content)
    found.changed = spans
    return found


def _patched(path: str, before: str, patch: PatchedFile) -> tuple[str, list[tuple[int, int]]]:
    old = before.split("\n")
    new: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for hunk in patch:
        start = max(hunk.source_start - (1 if hunk.source_length else 0), 0)
        new += old[at:start]
        at = start
        for line in hunk:
            value = line.value.rstrip("\n").rstrip("\r")
            if line.is_added:
                new.append(value)
                spans.append((len(new), len(new)))
                continue
            if line.line_type == "\\":
                continue
            if at >= len(old) or old[at].rstrip("\r") != value:
                raise Refused("diff", f"does not fit {path} at line {at + 1}")
            if line.is_context:
                new.append(old[at])
            at += 1
    new += old[at:]
    return "\n".join(new), _merged(spans)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def directory(path: Path, root: Path | None = None) -> Collected:
    """A folder or one file. root: what it must lie in, links followed. Raises Refused."""
    real = path.resolve()
    if root is not None and not real.is_relative_to(root.resolve()):
        raise Refused("path", f"is {str(path)[:200]!r}; expected one inside the watched folder")
    if not real.exists():
        raise Refused("path", f"is {str(path)[:200]!r}; there is no such file or folder")
    found = Collected("directory")
    if real.is_file():
        found.kind = "snippet"
        _read(found, real, real.name)
        return found
    size = 0
    for name in _walk(real):
        full = real / name
        if full.is_symlink():
            # It may lead outside, or to a file of secrets under a name of its own.
            detail = "a link; what it leads to is read at its own place, if that is inside"
            found.skipped.append(Skipped(name, "unreadable", detail))
            continue
        if len(found.files) >= MOST_DIRECTORY_FILES or size > MOST_DIRECTORY_BYTES:
            limit = f"only the first {len(found.files)} files are analysed"
            found.skipped.append(Skipped(name, "limit", limit))
            break
        _read(found, full, name)
        size += len(found.files.get(name, ""))
    return found


def tree(given: Mapping[str, bytes]) -> Collected:
    """A whole project by its files' content, as a commit or an archive has it."""
    found = Collected("directory")
    size = 0
    for name in sorted(given):
        if any(part in FOREIGN for part in name.split("/")[:-1]):
            continue
        if len(found.files) >= MOST_DIRECTORY_FILES or size > MOST_DIRECTORY_BYTES:
            limit = f"only the first {len(found.files)} files are analysed"
            found.skipped.append(Skipped(name, "limit", limit))
            break
        _take_bytes(found, name, given[name])
        size += len(found.files.get(name, ""))
    return found


def _stays_inside(name: str) -> bool:
    """Whether a name can only mean a file below a folder: a commit's trees may hold any."""
    parts = name.split("/")
    return (
        not {"", ".", ".."}.intersection(parts)
        and "\0" not in name
        and all(len(part.encode("utf-8", "surrogatepass")) <= LONGEST_NAME for part in parts)
    )


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in FOREIGN and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            yield (Path(folder) / name).relative_to(root).as_posix()


def _wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in PYTHON | SCRIPT | CONTEXT or path.name in NAMED


def _read(found: Collected, full: Path, name: str) -> None:
    if secret_file(name):
        found.skipped.append(Skipped(name, "secret_file", "keeps secrets and is never read"))
        return
    if PurePosixPath(name).suffix.lower() in UNSUPPORTED:
        found.skipped.append(Skipped(name, "unsupported", "no analyzer here reads this language"))
        return
    if not _wanted(name):
        return
    try:
        if not full.is_file():
            found.skipped.append(Skipped(name, "unreadable", "not an ordinary file"))
            return
        size = full.stat().st_size
        if size > MOST_FILE_BYTES:
            detail = f"has {size} bytes; {MOST_FILE_BYTES} at most are read"
            found.skipped.append(Skipped(name, "too_large", detail))
            return
        data = full.read_bytes()
    except OSError as error:
        found.skipped.append(Skipped(name, "unreadable", error.strerror or "cannot be read"))
        return
    _take_bytes(found, name, data)


def _take_bytes(found: Collected, name: str, data: bytes) -> None:
    if not _wanted(name):
        unsupported = PurePosixPath(name).suffix.lower() in UNSUPPORTED
        if unsupported or secret_file(name):
            _take(found, name, "")
        return
    if b"\0" in data[:8192]:
        found.skipped.append(Skipped(name, "binary", "holds null bytes"))
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin-1 reads anything; the lines and names stay where they are.
        text = data.decode("latin-1")
    _take(found, name, text)


def _take(found: Collected, name: str, text: str) -> None:
    if not _stays_inside(name):
        detail = "its name does not stay inside the project, or is too long"
        found.skipped.append(Skipped(name[:LONGEST_NAME], "unreadable", detail))
    elif secret_file(name):
        found.skipped.append(Skipped(name, "secret_file", "keeps secrets and is never read"))
    elif PurePosixPath(name).suffix.lower() in UNSUPPORTED:
        found.skipped.append(Skipped(name, "unsupported", "no analyzer here reads this language"))
    elif not _wanted(name):
        found.skipped.append(Skipped(name, "unsupported", "no analyzer here reads such files"))
    elif "\0" in text:
        found.skipped.append(Skipped(name, "binary", "holds null bytes"))
    elif _BUNDLE.search(name) or any(len(line) > LONGEST_LINE for line in text.split("\n")):
        found.skipped.append(Skipped(name, "generated", "looks minified or generated"))
    else:
        found.files[name] = text.replace("\r\n", "\n").replace("\r", "\n")

"""The project's own tests, run on a copy with one file in its new form.

Only where an admin asked for it: everything else here reads code and never runs it. The tests run
in a temporary copy, with nothing of our environment but PATH, so that no key of ours is theirs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agents.code.collect import Refused

MOST_SECONDS: Final = 300.0
LINKED: Final = (".venv", "venv", "env", "node_modules")
"""Large and needed by the tests: linked into the copy, not copied."""
LEFT_OUT: Final = (".git", ".hg", ".svn", "__pycache__", ".tox", ".nox", ".*_cache")


class Trial:
    """``trial(file, text)``: why the tests fail with ``file`` holding ``text``; None if they pass.

    command: what runs the tests, in the project's root; a string is split like a shell does.
    Raises Refused for a command that is none, or one that fails without any change: it would
    refuse every repair.
    """

    def __init__(
        self, command: str | Sequence[str], root: Path, *, seconds: float = MOST_SECONDS
    ) -> None:
        self._command = shlex.split(command) if isinstance(command, str) else list(command)
        self._root = root.resolve()
        self._seconds = seconds
        if not self._command:
            raise Refused("--test", "is empty; expected a command, such as 'pytest -q'")
        if (failure := self._run(None)) is not None:
            raise Refused("--test", f"fails without any change: {failure}")

    def __call__(self, file: str, text: str) -> str | None:
        return self._run((file, text))

    def _run(self, change: tuple[str, str] | None) -> str | None:
        with tempfile.TemporaryDirectory(prefix="trial-") as folder:
            copy = Path(folder, "project")
            shutil.copytree(
                self._root, copy, symlinks=True, ignore=shutil.ignore_patterns(*LINKED, *LEFT_OUT)
            )
            for name in LINKED:
                if (self._root / name).is_dir():
                    (copy / name).symlink_to(self._root / name)
            if change is not None:
                file, text = change
                (copy / file).write_text(text, encoding="utf-8", newline="")
            environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder}
            try:
                done = subprocess.run(
                    self._command,
                    cwd=copy,
                    env=environment | {"LC_ALL": "C.UTF-8"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=self._seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return f"the tests take longer than {self._seconds:g} s"
            except OSError as error:
                raise Refused("--test", f"cannot be run: {error.strerror}") from None
        return None if done.returncode == 0 else f"the tests end with {done.returncode}"

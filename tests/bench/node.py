"""The npm peers: installed into ``.data/bench/node`` when they are needed, passed over where not.

Their versions are the newest that run on Node 20; nothing of theirs runs while being installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.server import DATA

WANTED = {"graphile-worker": "0.17.3", "pg-boss": "10.4.2"}
LEAST_NODE = 20
INSTALL_SECONDS = 180
SCRIPT = Path(__file__).with_name("peers.mjs")


@dataclass(frozen=True)
class Packages:
    """node: the program. folder: holds ``node_modules``."""

    node: str
    folder: Path
    versions: dict[str, str]

    @property
    def argv(self) -> list[str]:
        return [self.node, str(SCRIPT)]

    @property
    def environment(self) -> dict[str, str]:
        return {"PEERS_NODE_MODULES": str(self.folder)}

    def install(self, system: str, dsn: str) -> None:
        """Make a system's schema."""
        subprocess.run(
            [*self.argv, system, dsn, "install"],
            env=os.environ | self.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )


def packages() -> tuple[Packages | None, str]:
    """The installed packages, or why there are none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None, f"skipped: {'node' if node is None else 'npm'} is not installed"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < LEAST_NODE:
        return None, f"skipped: Node {LEAST_NODE} or newer is needed, found {said.strip()}"
    folder = DATA / "node"
    versions = {name: _installed(folder, name) for name in WANTED}
    if versions != WANTED:
        problem = _install(npm, folder)
        if problem:
            return None, problem
    return Packages(node, folder, dict(WANTED)), ""


def _install(npm: str, folder: Path) -> str:
    """Install what is wanted; returns what went wrong, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    names = [f"{name}@{version}" for name, version in WANTED.items()]
    argv = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", *names]
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"skipped: npm install did not end within {INSTALL_SECONDS} s"
    if done.returncode:
        return f"skipped: npm install failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    return ""


def _installed(folder: Path, name: str) -> str:
    try:
        text = (folder / "node_modules" / name / "package.json").read_text()
    except OSError:
        return ""
    return str(json.loads(text)["version"])

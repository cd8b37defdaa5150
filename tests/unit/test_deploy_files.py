"""Container file, systemd unit and lock file: what can be said without building anything."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from daemon.meters import Meters
from daemon.settings import Settings
from daemon.web.site import Site
from daemon.web.status import Vitals, build

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
UNIT = ROOT / "deploy" / "systemd" / "fitnesscrm-ai.service"


def instructions() -> list[tuple[str, str]]:
    """(instruction, the rest) of each, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest) for word, _, rest in (one.partition(" ") for one in joined.split("\n") if one)
    ]


def test_container_runs_as_nobody_in_particular() -> None:
    """The last user is not root, and the container drains when it is asked to stop."""
    said = dict(instructions())
    assert said["USER"].isdigit()
    assert int(said["USER"]) > 0
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(said["CMD"]) == ["python", "-m", "daemon.supervise"]
    assert all(rest.startswith("[") for word, rest in instructions() if word in {"RUN", "CMD"})


def test_container_holds_what_runs_and_nothing_else() -> None:
    """What is copied exists, is let through by .dockerignore, and is all that is needed."""
    allowed = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    copied = set()
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            copied |= set(rest.split()[:-1])
    assert copied == {name[1:] for name in allowed if name.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
    assert {"agents", "daemon", "migrations", "sql", "supervisord.conf"} <= copied


def test_container_is_pinned() -> None:
    """Packages come from the lock with their hashes; extras exist; no image goes by `latest`."""
    [sync] = [
        json.loads(rest) for word, rest in instructions() if word == "RUN" and "sync" in rest
    ]
    assert "--locked" in sync
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {sync[at + 1] for at, word in enumerate(sync) if word == "--extra"}
    assert wanted == set(project["project"]["optional-dependencies"]) - {"embedded"}
    images = [rest for word, rest in instructions() if word == "ARG" and "IMAGE=" in rest]
    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+", image) for image in images)


async def test_container_health_check() -> None:
    """The check passes while the process lives and fails when nobody answers."""
    [text] = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    check = [sys.executable, *json.loads(text.partition("CMD ")[2])[1:]]
    site = Site(build(Vitals("worker", "starting", lambda: True, lambda: True), Meters()), 0)
    await site.start()
    assert await ended(check, site.port) == 0
    await site.stop()
    assert await ended(check, site.port) != 0


async def ended(program: list[str], port: int) -> int:
    child = await asyncio.create_subprocess_exec(
        *program, env={"PORT": str(port)}, stderr=asyncio.subprocess.DEVNULL
    )
    return await child.wait()


def unit() -> Mapping[str, Any]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


def test_unit_waits_for_the_drain() -> None:
    """systemd kills later than the service drains, and restarts nothing that no restart mends."""
    service = unit()["Service"]
    drain_seconds = Settings.model_fields["drain_seconds"].default
    assert int(service["TimeoutStopSec"]) > drain_seconds + 10
    assert service["RestartPreventExitStatus"].split() == ["57", "78"]
    # The exit status of the main process alone counts, and only that process waits for a database.
    assert "ExecStartPre" not in service
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about it."""
    home = "/opt/fitnesscrm-ai"
    text = UNIT.read_text().replace(f"{home}/.venv/bin/python", sys.executable)
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(home, str(ROOT)).replace("/etc/fitnesscrm-ai.env", "-/dev/null"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (
        0,
        [],
    )


RAILWAY = {
    "Start command": ("start", '"{}"'),
    "Pre-deploy command": ("preDeploy", '"{}"'),
    "Healthcheck path": ("healthcheck", '"{}"'),
    "Healthcheck timeout": ("healthcheckTimeout", "{}"),
    "PORT": ("PORT", '"{}"'),
    "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": ("RAILWAY_DEPLOYMENT_DRAINING_SECONDS", '"{}"'),
    "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS": ("RAILWAY_DEPLOYMENT_OVERLAP_SECONDS", '"{}"'),
}
"""A setting by its name in the dashboard, and what it is in the project's file."""


def test_platform_waits_for_the_drain() -> None:
    """The project's file on Railway says what the table for the dashboard says, and both give a
    drain the time that it needs; no file is left that the platform no longer reads."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    told = dict(re.findall(r"^\| `?([^|`]+?)`? \| `?([^|`]+?)`? \|[^|]*\|$", page, re.MULTILINE))
    project = (ROOT / ".railway" / "railway.ts").read_text()
    for name, (key, form) in RAILWAY.items():
        assert f"{key}: {form.format(told[name])}," in project, name
    assert told["Restart policy"] == "On failure, 10"
    policy = '{ restartPolicyType: "ON_FAILURE", restartPolicyMaxRetries: 10 }'
    assert f"deploy: {policy}," in project
    supervisor = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None)
    supervisor.read(ROOT / "supervisord.conf")
    waits = int(supervisor["program:daemon"]["stopwaitsecs"])
    drain_seconds = Settings.model_fields["drain_seconds"].default
    assert drain_seconds + 10 < waits < int(told["RAILWAY_DEPLOYMENT_DRAINING_SECONDS"])
    assert not list(ROOT.glob("railway.*")) + list((ROOT / "deploy").glob("railway.*"))


def test_every_package_comes_from_the_index() -> None:
    """Nothing is installed from a repository, a URL or a folder: the index alone, over TLS."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    index = "https://pypi.org/simple"
    sources = [
        package["source"]
        for package in lock["package"]
        if not package["source"].keys() & {"virtual", "editable"}
    ]
    assert {tuple(source.items()) for source in sources} == {(("registry", index),)}
    files = [
        file["url"]
        for package in lock["package"]
        for file in [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    ]
    assert {url.split("/")[2] for url in files} == {"files.pythonhosted.org"}
    assert all(url.startswith("https://") for url in files)


def test_every_package_has_a_hash() -> None:
    """Nothing is installed whose content the lock does not know."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    unknown = [
        package["name"]
        for package in lock["package"]
        if not package["source"].keys() & {"virtual", "editable"}
        and not all(
            fnmatch(file.get("hash", ""), "sha256:*")
            for file in [*package.get("wheels", ()), package.get("sdist", {"hash": "sha256:"})]
        )
    ]
    assert len(lock["package"]) > 100
    assert unknown == []

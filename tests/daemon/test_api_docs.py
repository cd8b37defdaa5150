"""docs/api.md says what is so: its commands run as they stand."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess

import pytest

from tests.kit import worker
from tests.kit.http import ADMIN_KEY
from tests.kit.postgres import ROOT
from tests.kit.process import clean_environment

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
WRONG = ("invalid_", "unauthorised", "role_too_low", "method_not_allowed", "not_found")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_commands(database: str) -> None:
    """Each curl command of the page is understood and answered."""
    shown = PAGE.split("<!-- curl -->")[1].split("<!-- /curl -->")[0]
    commands = re.findall(
        r"curl (?:.*\\\n)*.*", "".join(re.findall(r"```sh\n(.*?)```", shown, re.DOTALL))
    )
    assert len(commands) >= 10
    async with worker.running(database, admin_api_key=ADMIN_KEY) as daemon:
        url = f"http://127.0.0.1:{daemon.site.port}"
        request_id = ""
        for command in commands:
            ran = await asyncio.to_thread(
                subprocess.run,
                ["bash", "-c", command],
                env=clean_environment() | {"URL": url, "KEY": ADMIN_KEY, "ID": request_id},
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, (command, ran.stderr)
            assert ran.stdout.strip(), command
            if found := re.search(r'"request_id": ([0-9]+)', ran.stdout):
                request_id = found[1]
            assert not any(code in ran.stdout for code in WRONG), (command, ran.stdout)

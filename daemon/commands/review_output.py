"""What `review` shows while it works, and what it sends to a running service."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agents.code import collect
from agents.code.model import Progress
from agents.code.secrets import mask
from daemon.errors import ServiceError

if TYPE_CHECKING:
    from daemon.commands.reviewing import Reviewed

SEND_SECONDS = 30.0
KEY = "MAIN_APP_API_KEY"


@contextlib.contextmanager
def progress() -> Iterator[Progress | None]:
    """A bar on standard error, where somebody looks at it; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description:14}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=1)

        def told(what: str, done: int, most: int) -> None:
            bar.update(task, description=what, completed=done, total=max(most, 1))

        yield told


async def send(url: str, review: Reviewed, repository: str) -> None:
    """Ask a running service for the same: POST /api/execute with the changed files, masked.

    The bearer key is MAIN_APP_API_KEY. Raises ServiceError where it is not taken.
    """
    import aiohttp

    files = {
        path: mask(review.files[path], path) for path in review.changed if path in review.files
    }
    if not files:
        return
    size = sum(len(text.encode()) for text in files.values())
    if len(files) > collect.MOST_FILES or size > collect.MOST_FILES_BYTES:
        raise ServiceError(
            f"{len(files)} changed files of {size} bytes are more than one request takes",
            hint="let the service watch the repository instead: CODE_REPOSITORY",
        )
    body = {
        "task_type": "code_analysis",
        "input_data": {"files": files, "repository": repository},
    }
    key = os.environ.get(KEY, "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=SEND_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                f"{url.rstrip('/')}/api/execute", json=body, headers=headers, allow_redirects=False
            ) as reply,
        ):
            status = reply.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServiceError(
            f"{url} did not take the review: {type(error).__name__}",
            hint="check the address given with --post",
        ) from error
    if status not in {200, 202}:
        raise ServiceError(
            f"{url} answered {status} to the review",
            hint=f"401 wants the key in {KEY}" if status == 401 else "see the service's log",
        )

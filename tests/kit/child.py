"""``python -m tests.kit.child``: the daemon as it is, with the test agents in place of its own.

``AI_TEST_WEDGED_SECONDS`` shortens the time after which a stuck event loop ends the process.
"""

import os
import sys

from daemon import lease
from daemon.commands.run import serve
from tests.kit.agents import CATALOG

if __name__ == "__main__":
    if seconds := os.environ.get("AI_TEST_WEDGED_SECONDS"):
        lease.WEDGED_SECONDS = float(seconds)
    sys.exit(serve(CATALOG))

"""``python -m tests.kit.child``: the daemon as it is, with the test agents in place of its own."""

import sys

from daemon.commands.run import serve
from tests.kit.agents import CATALOG

if __name__ == "__main__":
    sys.exit(serve(CATALOG))

"""Code monitoring: which places code is read from, and a request whenever one of them changed.

========  =============================  ====================================================
source    set by                         commit
========  =============================  ====================================================
checkout  ``CODE_MONITOR_PATH``          git's, read by dulwich; of a plain folder a digest
archive   ``CODE_REPOSITORY``            GitHub's, asked for with the last ETag
image     a deploy from GitHub           ``RAILWAY_GIT_COMMIT_SHA``: our own code, once per deploy
========  =============================  ====================================================

`sources` reads them, `watch` is the loop. Rows of the main app's error handler and reviews in CI
are requests like any others and need nothing here.
"""

from daemon.monitoring.sources import Sources
from daemon.monitoring.watch import Monitoring

__all__ = ["Monitoring", "Sources"]

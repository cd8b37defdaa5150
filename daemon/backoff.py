"""How long to wait before trying again: exponential, with full jitter.

Full jitter spreads retries over the whole interval, so workers that failed together do not come
back together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
"""

from __future__ import annotations

import random


def full_jitter(
    attempt: int,
    *,
    base_seconds: float = 1.0,
    cap_seconds: float = 300.0,
    rng: random.Random | None = None,
) -> float:
    """Seconds to wait after the ``attempt``-th failure (1 is the first), uniform in (0, limit].

    limit = min(cap, base * 2**(attempt - 1)).
    """
    limit = min(cap_seconds, base_seconds * 2.0 ** min(attempt - 1, 32))
    uniform: float = rng.random() if rng is not None else random.random()
    return limit * (1.0 - uniform)

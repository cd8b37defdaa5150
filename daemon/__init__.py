"""The daemon: from a row in ``ai_requests`` to its answer.

Read the files in this order to follow one request:

1.  The main app INSERTs. ``sql/functions/guard_v1.sql`` fills the server's columns,
    ``sql/functions/doorbell_v1.sql`` rings, but only when a daemon sleeps.
2.  ``listener.py`` wakes: a notification is a hint, never an order.
3.  ``claimer.py`` asks for as much work as there are free slots:
    ``sql/functions/claim_v2.sql`` raises the fence, writes lease and attempt. ``slots.py`` sees
    each attempt through, to the commit of its end.
4.  ``intake.py`` refuses what no agent can answer, without spending an attempt.
5.  ``lease.py`` keeps the lease alive from a thread of its own, and learns of cancels there.
6.  ``runner.py`` is one attempt, a flat pipeline; ``context.py`` is what the agent gets to see.
7.  ``agents/base.py``, then ``agents/workout/agent.py``: read, compute, ask for words, check.
    What blocks runs in the threads of ``compute.py``, in turn of the requests' keys.
8.  ``llm/gateway.py`` buys a model call exactly once: journal, budget, call, settle.
9.  ``outcome.py`` turns a result or an exception into an Outcome: the whole retry policy.
10. ``completer.py`` writes status, result, attempt and typed rows in one fenced transaction and
    notifies ``ai_results``: ``sql/functions/complete_v1.sql``.
11. ``upkeep.py`` finds the dead and sweeps the overdue.

``service.py`` is the composition root; ``web/`` serves health, readiness and metrics.
"""

__version__ = "0.1.0"

"""Repairs what is safe to repair, within limits, and writes down each time what it did.

``rules.py`` lists every rule; ``engine.py`` decides when one acts, and how often; ``remedy.py``
says what a rule's remedy has to offer: a precondition, an action and a look at what came of it.
``sessions.py``, ``tables.py``, ``agents.py`` and ``worker.py`` are the remedies; ``reflexes.py``
writes down what other parts of the service did by themselves. ``store.py`` has the statements.
"""

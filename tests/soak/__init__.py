"""An hour of ordinary life, to see what grows: ``make soak MINUTES=60``.

Two daemons with all agents answer a main app that asks at a steady rate, changes its mind, and
looks at the console, the API and the metrics; the model fails now and then; what is old is pruned
after minutes instead of months. Every few seconds everything is measured that a leak would raise.
In the end each curve must be flat and every promise kept, of all rows that there ever were.

Modules: ``child`` (a daemon that prunes soon), ``life`` (the main app and the people), ``probe``
(one look at everything), ``run`` (the run, from the server's start to the recording), ``judge``
(what is flat), ``kept`` (what is pruned, judged all the same), ``page`` and ``chart``
(docs/soak.md and docs/soak.svg), ``million`` (tables after a million requests). The recording of
a run is kept in ``.data/soak/``; ``--from`` makes the page anew from it.
"""

"""The daemon beside other queues on PostgreSQL, in one run on one server: ``make bench``.

What is compared is the way of a job that does nothing, since everything else would measure the
job. Each system is driven the same way: its worker is a process of its own with the same number
of slots, and jobs are inserted by plain SQL from outside, through the statement that the system
itself offers for it, so no client library's overhead counts. A job is finished when the database
says so, never when a handler returned. Rounds are interleaved, so that a busy minute of the
machine hits everybody, and medians are reported with their ratios.

Modules: ``systems`` (who takes part, and in which SQL they speak), ``worker`` (the process that
works; ``peers``, ``ours`` and ``peers.mjs`` are what it runs), ``server`` (a private durable
PostgreSQL), ``measure_*`` (one question each), ``targets`` (what was promised), ``report`` and
``chart`` (what it came to). Figures of different machines cannot be compared, and two cores are
shared by server, worker and clients alike: read the ratios.
"""

"""Says what is wrong, once, to whoever should know, and that it is over.

``judge.py`` reduces a check's result to good, between, bad or unseen; ``machine.py`` turns a row
of those into few changes; ``reminders.py`` says when an open alert is to be told again;
``store.py`` writes changes and messages in one transaction; ``engine.py`` does all that each time
the health checks have run. ``channels.py`` knows the receivers, ``outgoing.py`` is careful about
where it connects, ``outbox.py`` sends what was written, and the dead-man ping.
"""

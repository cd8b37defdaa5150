"""Workout plans that cannot break a safety rule and say which wish had to give way.

One request travels through the folder in this order:

1. ``agent.py``: the graph, a node per step, and the order in which answers are tried.
2. ``request.py``: what a caller may say and an operator may set.
3. ``client.py``: what the main app's tables and the request's texts say, read in one snapshot;
   ``fill_gaps.py`` and ``wishes.py`` turn it into ``profile.py``, one client without gaps.
4. ``exercises/``: the catalogue, hand-tagged in TOML, and the main app's own library beside it.
5. ``screening/``: which health conditions the texts name, and what each of them forbids.
6. ``planning/``: what is allowed, the solved week, the polished week, all weeks.
7. ``answer/``: the JSON that leaves, its words, and what a model may add to them.
8. ``checker/``: a second opinion on every answer. It shares no code with the rest.
"""

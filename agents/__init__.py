"""The agents: what each one computes, and what it asks the model to put into words.

Start with :mod:`agents.base` (what an agent is), then :mod:`agents.catalog` (which ones there
are). Agents know nothing of the queue, of HTTP or of each other.
"""

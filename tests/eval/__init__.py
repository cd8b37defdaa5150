"""Evaluations: simulated people and gyms, and how far the agents' answers are from the truth."""

"""Progress monitoring: when, and how surely, a client reaches each goal on what was measured."""

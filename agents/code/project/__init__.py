"""Rules that need the whole project, or a look at code that interpretation does not give.

Each module of this package holds the rules of one theme; `rules.check` runs them all. They read
syntax trees (Python's own, tree-sitter's for JavaScript) and never run what they read.
"""

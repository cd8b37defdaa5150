"""Data from outside that reaches a place where it does harm, found by interpreting the code.

Each route, and each other function once, is interpreted over abstract values: constants decide
branches, containers are followed by key, the project's own functions are entered to a depth of
four, checks and escapes are understood for the harm they rule out. `engine.judge` is the way in.
"""

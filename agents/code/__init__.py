"""The code reviewer: what is wrong in a project, how sure that is, and what would mend it.

`analyse` reads files and answers with findings, without a model, a graph or a database; it may run
in a worker process. Everything else (masking, fixes, the gate, the agent) builds on its answer.
"""

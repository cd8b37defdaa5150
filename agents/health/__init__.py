"""Health of the service and its database: what was measured, what it means, in words.

The daemon measures (:mod:`daemon.health`), each minute and on request. Here are the parts that
need no database: the judgement of a value against its limits (:mod:`agents.health.judge`), which
trouble explains which (:mod:`agents.health.relate`), a component's state as the worst of its
checks (:mod:`agents.health.states`), and the agent that answers ``health_check``.
"""

"""Which agents there are: a line each, ``task_type: "module:Class"``.

Strings, so that naming the agents loads none of them: LangGraph and the solvers are imported
after the daemon already listens.
"""

AGENTS: dict[str, str] = {
    "workout_optimization": "agents.workout.agent:WorkoutOptimizer",
    "progress_monitoring": "agents.progress.agent:ProgressMonitor",
    "scheduling": "agents.scheduling.agent:SchedulingAgent",
    "health_check": "agents.health.agent:HealthChecker",
    "code_analysis": "agents.code.agent:CodeReviewer",
    "client_review": "agents.client_review.agent:ClientReviewer",
}

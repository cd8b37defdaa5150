"""Runs an agent's LangGraph graph inside an attempt.

There is no checkpointer. A graph that died runs again from START, and what it had already bought
or computed comes back from the journal: cheaper than saving state after every node, and safe when
the code changes in between. So nodes keep whatever objects they like in the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from agents.base import AgentError, BaseAgent, Drained, Result, RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 50
"""Most steps of one run. LangGraph's own default is above ten thousand."""

_compiled: dict[type[BaseAgent[Any, Any]], CompiledStateGraph[Any, Any, Any, Any]] = {}


def compiled(agent: BaseAgent[Any, Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The agent's graph, compiled once per class."""
    graph = _compiled.get(type(agent))
    if graph is None:
        graph = _compiled[type(agent)] = agent.build_graph().compile(name=agent.type)
    return graph


async def run_graph(agent: BaseAgent[Any, Any], ctx: RunContext, inp: Any) -> Result[Any]:
    """The ``result`` that the graph leaves in its state, with progress told node by node.

    Raises whatever a node raises, Drained when the worker stops, AgentError when the graph ends
    without a result.
    """
    graph = compiled(agent)
    control = RunControl()
    ctx.on_drain(control.request_drain)
    nodes = max(1, len(graph.nodes) - 1)
    finished: set[str] = set()
    result: Result[Any] | None = None
    try:
        async for chunk in graph.astream(
            {"input": inp},
            {"recursion_limit": RECURSION_LIMIT},
            context=ctx,
            stream_mode="updates",
            version="v2",
            control=control,
        ):
            for node, update in cast("dict[str, Any]", chunk["data"]).items():
                finished.add(node)
                if isinstance(update, dict) and isinstance(update.get("result"), Result):
                    result = update["result"]
                await ctx.progress(node, min(99, 100 * len(finished) // nodes))
    except GraphDrained:
        raise Drained from None
    if result is None:
        raise AgentError(
            f"the graph of {agent.type} ended without a result",
            hint='its last node must return {"result": Result(...)}',
        )
    return result

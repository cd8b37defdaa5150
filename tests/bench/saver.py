"""``python -m tests.bench.saver DSN URL RUNS checkpointer|nothing``: the bare graph, all at once.

The graph that ``ours`` runs, calling the same provider client, without a queue around it. Prints
the seconds that the runs took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from typing_extensions import TypedDict

from daemon.llm.provider import Provider
from daemon.llm.wire import Call
from tests.bench.ours import NODES, SYSTEM

POOL_MAX = 8  # as many as the daemon's hot path has
WARM_RUNS = 20
CALL_SECONDS = 60.0


class State(TypedDict, total=False):
    ts: int
    words: list[str]


def build(provider: Provider) -> StateGraph[Any, Any, Any, Any]:
    def asking(name: str) -> Any:
        async def ask(state: State) -> State:
            question = json.dumps({"ts": state["ts"], "node": name})
            messages = [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": question},
            ]
            reply = await provider.call(Call("gpt-4o-mini", messages, 1500), CALL_SECONDS)
            message = json.loads(reply.body)["choices"][0]["message"]
            return {"words": [*state.get("words", []), json.loads(message["content"])["word"]]}

        return ask

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    for name in NODES:
        graph.add_node(name, asking(name))
    for before, after in zip((START, *NODES), (*NODES, END), strict=True):
        graph.add_edge(before, after)
    return graph


async def main(dsn: str, url: str, runs: int, keeping: str) -> float:
    async with AsyncExitStack() as stack:
        provider = Provider(api_key="x", base_url=url)
        stack.push_async_callback(provider.aclose)
        saver = await _saver(stack, dsn) if keeping == "checkpointer" else None
        graph = build(provider).compile(checkpointer=saver)

        async def run(number: int) -> None:
            config: Any = {"configurable": {"thread_id": str(number)}}
            state = await graph.ainvoke({"ts": number}, config)
            assert len(state["words"]) == len(NODES)

        await asyncio.gather(*(run(-number) for number in range(1, WARM_RUNS + 1)))
        began = time.perf_counter()
        await asyncio.gather(*(run(number) for number in range(runs)))
        return time.perf_counter() - began


async def _saver(stack: AsyncExitStack, dsn: str) -> Any:
    """LangGraph's checkpointer on a pool, set up as its documentation says."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        dsn,
        min_size=4,
        max_size=POOL_MAX,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    await stack.enter_async_context(pool)
    saver = AsyncPostgresSaver(pool)
    await saver.setup()
    return saver


if __name__ == "__main__":
    seconds = asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    print(json.dumps(seconds))  # noqa: T201

"""Ours: a session that is interrupted, and a stream of a worker that is closed."""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import Any

from sensorium import (
    Emit,
    Event,
    Input,
    Output,
    Perceiver,
    Session,
    Text,
    hookimpl,
    load_plugins,
    load_settings,
)
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_benchmarks.barge_in.interruptions import Stages, summary

_FIRST = "row/0"


def stages(stages: int, queued: int, times: int) -> dict[str, float]:
    """Interrupt a session, up to the moment it has settled."""

    async def run() -> dict[str, float]:
        state = Stages(stages)
        taken, before = [], 0
        components: dict[str, Any] = {
            f"stage{number}": {
                "use": "stage",
                "takes": {"text": {"topic": f"row/{number}", "policy": f"block({queued + 1})"}},
                "gives": {"text": f"row/{number + 1}"},
            }
            for number in range(stages)
        }
        settings = load_settings(overrides={"components": components})
        plugins = load_plugins(installed=False, extra=[("row", _plugin(state))])
        async with Session(settings, plugins) as session:
            for _ in range(times):
                for _ in range(queued + 1):  # one is worked on
                    await session.bus.publish(_FIRST, Text("a word"), source="bench")
                await state.all_busy()
                began = monotonic_ns()
                await session.interrupt("the user speaks")
                await session.settled()
                taken.append(monotonic_ns() - began)
                state.check(_count(session, "pending"))
            before = _count(session, "dropped")
        return {**summary(taken), "cleared": before / times}

    return asyncio.run(run())


def _count(session: Session, what: str) -> int:
    counts = [one for one in session.bus.statistics() if one.name.startswith("stage")]
    if what == "pending":
        return sum(one.pending for one in counts)
    return sum(one.dropped.get("interrupted", 0) for one in counts)


def _plugin(state: Stages) -> object:
    class Stage(Perceiver):
        """Hands an event on and is busy until it is interrupted."""

        takes = {"text": Input("row/0", Text)}
        gives = {"text": Output("row/out", Text)}
        interruptible = True

        async def process(self, event: Event[Text], emit: Emit) -> None:
            """See :class:`Perceiver`."""
            await state.work(lambda: emit(event.payload))

    class Plugin:
        @hookimpl
        def sensorium_register_perceivers(self, registry: Any) -> None:
            """See the hook."""
            registry.add("stage", Stage)

    return Plugin()


def generation(token_ms: float, times: int) -> dict[str, float]:
    """Close a stream, and ask the model when it noticed."""
    options = PoolOptions(
        devices=("cpu",), spare="none", installed=False, modules=(f"{__package__}.talker",)
    )
    talker = PoolModel(use="bench_talker", options={"token_ms": token_ms})

    async def run() -> dict[str, float]:
        taken = []
        async with PoolExecutor({"talker": talker}, options) as pool:
            for _ in range(times):
                parts = pool.stream("talker", None)
                async for number in parts:
                    if number == 2:
                        break
                began = monotonic_ns()
                await parts.aclose()
                taken.append(await pool.infer("talker", None) - began)
        return summary(taken)

    return asyncio.run(run())

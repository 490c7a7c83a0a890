"""Ten stages in a row: what one event costs in each.

An event enters, every stage hands it on, and it leaves after the tenth. The figure is the time
divided by the number of events and of stages: in a stream (all stages have work) and for one
event alone (entered when the one before has left).

* The **limit** is a task a stage with an ``asyncio.Queue(64)`` before it.
* **Ours** is a session with ten perceivers. Each is a component with its own runner and mailbox
  (``block(64)``), checked types, and an envelope that names the event before as its parent.
* **pyee**: each stage is a coroutine handler that emits the next event. It has no bound, so 64
  events are let in at a time.
* **pipecat**: ten processors in a pipeline. It has no bound.
"""

from __future__ import annotations

from sensorium_benchmarks.contract import (
    Benchmark,
    Better,
    Contender,
    Metric,
    Role,
    Target,
    Workload,
)

_STAGE = Metric("stage", "µs", Better.LOWER, digits=1)
_COLLECTIONS = Metric("collections", "by the gc", Better.NEITHER)
_PIPECAT = "pipecat"

BENCHMARK = Benchmark(
    name="hops",
    title="Ten stages in a row",
    contenders=(
        Contender("asyncio.Queue", Role.LIMIT, f"{__name__}.queue_limit"),
        Contender("sensorium", Role.OURS, f"{__name__}.sensorium_hops"),
        Contender("pyee", Role.PEER, f"{__name__}.pyee_hops", "pyee", "pyee==13.0.1", 0.5),
        Contender(
            _PIPECAT, Role.PEER, f"{__name__}.pipecat_hops", "pipecat-ai", "pipecat-ai==1.14.0", 0.2
        ),
    ),
    workloads=(
        Workload(
            "stream",
            "a stream of events, time an event and stage",
            "stream",
            metrics=(_STAGE, _COLLECTIONS),
            targets=(Target("stage", 0.5, _PIPECAT),),
            parameters={"stages": 10, "events": 10_000},
        ),
        Workload(
            "alone",
            "one event at a time, time a stage",
            "alone",
            metrics=(_STAGE, _COLLECTIONS),
            targets=(Target("stage", 0.5, _PIPECAT),),
            parameters={"stages": 10, "events": 3000},
        ),
    ),
)

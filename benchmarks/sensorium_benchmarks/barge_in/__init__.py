"""Barge-in: the user speaks, and everything that was being said and planned has to stop.

``stages``: eight stages in a row, each in the middle of something long, and 100 events waiting
before the first. Then comes the interruption. The time ends when every stage has stopped and
nothing waits any more, and the row is ready for what comes next.

* The **limit** is eight tasks with an ``asyncio.Queue`` each: they are cancelled, the queues are
  emptied, and tasks made anew.
* **Ours** is a session with eight interruptible perceivers and ``session.interrupt()``, up to
  ``session.settled()``.
* **pipecat** has eight processors and is given an ``InterruptionFrame``; the time ends when that
  comes out at the end of the pipeline.

``generation``: a model makes a token every 5 ms in another process and we stop reading. The time
ends when the model's generator is closed there. We leave when a token has just come and a
generator can be closed only between two, so the time of one token is in every figure.

* The **limit** is such a generator in a thread of our own process and a ``threading.Event``.
* **Ours** is a stream of a worker, closed by its reader.
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

_P50 = Metric("p50", "ms", Better.LOWER, digits=2)
_P99 = Metric("p99", "ms", Better.LOWER, digits=2)
_LIMIT, _OURS, _PIPECAT = "by hand", "sensorium", "pipecat"

BENCHMARK = Benchmark(
    name="barge-in",
    title="Barge-in",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.limit"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_barge_in"),
        Contender(
            _PIPECAT,
            Role.PEER,
            f"{__name__}.pipecat_barge_in",
            "pipecat-ai",
            "pipecat-ai==1.14.0",
        ),
    ),
    workloads=(
        Workload(
            "stages",
            "eight busy stages, 100 events waiting",
            "stages",
            metrics=(_P50, _P99, Metric("cleared", "events", Better.NEITHER)),
            targets=(Target("p50", 1), Target("p99", 5)),
            parameters={"stages": 8, "queued": 100, "times": 200},
            scaled=("times",),
        ),
        Workload(
            "generation",
            "a running generation in a worker, a token every 5 ms",
            "generation",
            metrics=(_P50, _P99),
            targets=(Target("p50", 1.2, _LIMIT),),
            parameters={"token_ms": 5, "times": 100},
            scaled=("times",),
            among=(_LIMIT, _OURS),
        ),
    ),
)

"""A worker is killed: how long until the next answer.

A worker answers with its process id. It gets SIGKILL, and at once it is asked again: the time
until somebody else's id comes back. The model is a few lines; what is measured is how fast the
end is noticed and a process with Python, numpy and the wire is back. A death a second.

* The **limit** is by hand: the parent waits for the process (pidfd), starts another at once, and
  asks it again. Its worker imports numpy, msgspec and zmq, and nothing else.
* **Ours** asks once: the pool finds out by itself. Cold: nothing stands by. With a blank spare
  (the default): one process without models. With a warm spare: one with its models loaded.
* **dora** restarts the node (``restart_policy: on-failure``) and sends nothing again, so its
  client asks every 2 ms.
* **ray** restarts the actor (``max_restarts``) and calls again (``max_task_retries``).
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

_LIMIT, _OURS, _DORA, _RAY = "by hand", "sensorium", "dora", "ray actor"
_METRICS = (
    Metric("p50", "ms", Better.LOWER, digits=1),
    Metric("worst", "ms", Better.LOWER, digits=1),
)
_PARAMETERS = {"deaths": 8}


BENCHMARK = Benchmark(
    name="recovery",
    title="SIGKILL to the next answer",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.by_hand"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_pool"),
        Contender(_DORA, Role.PEER, f"{__name__}.dora_node", "dora-rs", "dora-rs==1.1.0"),
        Contender(_RAY, Role.PEER, f"{__name__}.ray_actor", "ray", "ray==2.60.0", 0.4),
    ),
    workloads=(
        Workload(
            "default",
            "as it comes; ours with a blank spare",
            "recover",
            metrics=_METRICS,
            targets=(Target("p50", 0.9, _DORA),),
            parameters=_PARAMETERS,
            scaled=("deaths",),
        ),
        Workload(
            "cold",
            "nothing stands by",
            "recover_cold",
            metrics=_METRICS,
            targets=(Target("p50", 0.9, _DORA),),
            parameters=_PARAMETERS,
            scaled=("deaths",),
            among=(_LIMIT, _OURS, _DORA),
        ),
        Workload(
            "warm",
            "with a warm spare",
            "recover_warm",
            metrics=_METRICS,
            targets=(Target("p50", 30.0),),
            parameters=_PARAMETERS,
            scaled=("deaths",),
            among=(_OURS,),
        ),
    ),
)

"""What telemetry costs the bus: events a second with it off, and with it on.

The work is that of the ``bus`` benchmark. The **limit** is a bus by itself, with no session and
nothing of telemetry near it. **Ours** is the bus of a session as it is by default, telemetry off:
it has to cost no more than the bus by itself, but for 3 %. **On** is the bus of a session with
``[telemetry] enabled = true``: each delivery then fills two histograms.

The target is for processor time, which other work on the machine disturbs far less than it does a
rate: one loop in one thread carries everything, so on an idle machine one is the other's inverse.
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

_RATE = Metric("rate", "deliveries/s", Better.HIGHER)
_COST = Metric("cost", "µs of processor a delivery", Better.LOWER, digits=3)
_LIMIT = "bus by itself"
_FREE = Target("cost", 1.03, _LIMIT)

BENCHMARK = Benchmark(
    name="telemetry",
    title="What telemetry costs the bus",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.alone"),
        Contender("telemetry off", Role.OURS, f"{__name__}.off"),
        Contender("telemetry on", Role.PEER, f"{__name__}.on", "sensorium", "sensorium"),
    ),
    workloads=(
        Workload(
            "one_to_one",
            "one publisher, one consumer",
            "throughput",
            metrics=(_RATE, _COST),
            targets=(_FREE,),
            parameters={"consumers": 1, "events": 200_000},
        ),
        Workload(
            "one_to_eight",
            "one publisher, eight consumers",
            "throughput",
            metrics=(_RATE, _COST),
            targets=(_FREE,),
            parameters={"consumers": 8, "events": 50_000},
        ),
    ),
    repetitions=9,
)

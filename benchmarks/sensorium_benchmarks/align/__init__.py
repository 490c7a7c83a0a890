"""Aligning three streams by time: how many messages a second, how exactly, after what wait.

Three streams of 30 messages a second, 5 % of them lost, each stream out of phase; every message
arrives up to 40 ms after it was made. To each message of the first stream belong the nearest of
the others, within 20 ms. What is exact is found by brute force over all messages.

* **Ours** is :class:`sensorium.fusion.Join` in its mode ``reproducible``, told that messages come
  up to 40 ms out of order (or, where they keep their order, that they do).
* **ROS synchroniser** is ApproximateTimeSynchronizer of ROS's own Python library message_filters.
* **ROS policy** is the adaptive policy ApproximateTime of its C++ library, written here from its
  published description, in Python as ours is.

The peers have queues of 10 and make sets of at most 40 ms from first to last. They know no primary:
a set is exact when it is the one that belongs to its message of the first stream.
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

_OURS, _ROS, _POLICY = "sensorium", "ROS synchroniser", "ROS policy"
_RATE = Metric("rate", "messages/s", Better.HIGHER)
_EXACT = Metric("exact", "% of sets", Better.HIGHER, digits=2)
_P50 = Metric("wait_p50", "ms", Better.LOWER, digits=1)
_P99 = Metric("wait_p99", "ms", Better.LOWER, digits=1)
_OVER = Metric("over_limit", "ms, 99 %", Better.LOWER, digits=3)


def _aligning(name: str, title: str, ordered: bool) -> Workload:
    return Workload(
        name,
        title,
        "align",
        metrics=(_RATE, _EXACT, _P50, _P99, _OVER),
        targets=(
            Target("rate", 2.0, _ROS, at_least=True),
            Target("exact", 100.0, at_least=True),
            Target("over_limit", 5.0),
        ),
        parameters={"events": 60_000, "ordered": ordered},
    )


BENCHMARK = Benchmark(
    name="align",
    title="Aligning three streams",
    contenders=(
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_join"),
        Contender(
            _ROS,
            Role.PEER,
            f"{__name__}.ros_sync",
            needs="message-filters",
            debian="python3-message-filters",
        ),
        Contender(_POLICY, Role.PEER, f"{__name__}.ros"),
    ),
    workloads=(
        _aligning("reordered", "40 ms of jitter, messages overtake each other", False),
        _aligning("ordered", "40 ms of jitter, each stream in order", True),
        Workload(
            "bounded",
            "in a session, one stream dead, wait of 50 ms",
            "bounded_wait",
            metrics=(
                Metric("wait_p50", "ms", Better.LOWER, digits=2),
                Metric("over_limit", "ms, 99 %", Better.LOWER, digits=2),
            ),
            targets=(Target("over_limit", 5.0),),
            parameters={"events": 120},
            among=(_OURS,),
        ),
    ),
)

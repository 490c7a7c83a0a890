"""The event bus: events a second from one publisher, and how long one event takes.

What every contender does for one event: build the same frozen dataclass with slots
(:class:`~sensorium_benchmarks.bus.note.Note`), put it in whatever envelope its library uses, carry
it to one or eight asyncio consumers in the same process, and read one field of it there.

* The **limit** carries the note itself on a bare ``asyncio.Queue(64)`` for each consumer: no
  envelope, no topics, no counters.
* **Ours** is the public interface: ``publish`` to a topic, subscriptions by the wildcard
  ``bench/+/note``, policy ``block(64)``, an envelope with times, source and sequence, counters.
* **pyee** emits to coroutine handlers. It has no bound, so its publisher waits for all handlers
  after every 64 events.
* **pipecat** queues frames into a running pipeline: its sink is the consumer; eight consumers are
  eight processors in a row, each of which gets every frame. It has no bound.
* **bubus** dispatches pydantic events to coroutine handlers; its events are made of the note's
  fields, since they are models themselves. It refuses more than 50 at a time, so its publisher
  waits after every 20, the fastest that was found.
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
_COLLECTIONS = Metric("collections", "by the gc", Better.NEITHER)
_P50 = Metric("p50", "µs", Better.LOWER, digits=1)
_P99 = Metric("p99", "µs", Better.LOWER, digits=1)

_LIMIT, _OURS, _PYEE, _PIPECAT, _BUBUS = "asyncio.Queue", "sensorium", "pyee", "pipecat", "bubus"


def _rate(bound: float, against: str) -> Target:
    return Target("rate", bound, against, at_least=True)


BENCHMARK = Benchmark(
    name="bus",
    title="The event bus in one process",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.queue_limit"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_bus"),
        Contender(_PYEE, Role.PEER, f"{__name__}.pyee_bus", "pyee", "pyee==13.0.1", 0.25),
        Contender(
            _PIPECAT, Role.PEER, f"{__name__}.pipecat_bus", "pipecat-ai", "pipecat-ai==1.14.0", 0.05
        ),
        Contender(_BUBUS, Role.PEER, f"{__name__}.bubus_bus", "bubus", "bubus==1.5.6", 0.005),
    ),
    workloads=(
        Workload(
            "one_to_one",
            "one publisher, one consumer",
            "throughput",
            metrics=(_RATE, _COLLECTIONS),
            targets=(_rate(0.9, _LIMIT), _rate(3, _PYEE), _rate(25, _PIPECAT)),
            parameters={"consumers": 1, "events": 200_000},
        ),
        Workload(
            "one_to_eight",
            "one publisher, eight consumers",
            "throughput",
            metrics=(_RATE, _COLLECTIONS),
            targets=(_rate(1.3, _LIMIT), _rate(8, _PYEE), _rate(30, _PIPECAT)),
            parameters={"consumers": 8, "events": 50_000},
        ),
        Workload(
            "latency",
            "one event at a time, every ms: publish to receipt",
            "latency",
            metrics=(_P50, _P99),
            targets=(Target("p50", 1.2, _LIMIT), Target("p99", 1.2, _LIMIT)),
            parameters={"events": 2000, "interval_s": 0.001},
            scaled=(),
        ),
    ),
)

"""The worker pool: requests a second of many callers, and how long one alone waits.

Every contender runs the same numpy model on one thread of BLAS for callers on one event loop; a
caller asks, waits for its answer, and asks again.

* The **limit** is batching by hand in the callers' own process: what was asked while the loop was
  busy is the next batch. It has one core; whoever has a worker process may use two.
* **Ours** is the public interface with one worker, a deadline on every request and all the rest.
* **pyzmq** is one message a request, by hand as well as can be (:mod:`.by_hand`). Its worker takes
  what has arrived as one batch, and a thread receives and wakes the loop once for many answers.
* **zmq.asyncio** is the same with pyzmq's own asyncio sockets.
* **ray** is an actor with a method that is awaited: it takes one request at a time.
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

_LIMIT, _OURS, _HAND, _ZMQ, _RAY = "in process", "sensorium", "pyzmq", "zmq.asyncio", "ray actor"
_QUICK = (_LIMIT, _OURS, _HAND, _ZMQ)  # ray takes seconds to start
_PYZMQ = ("pyzmq", "pyzmq==27.3.0")

_RATE = (
    Metric("rate", "requests/s", Better.HIGHER),
    Metric("collections", "by the gc", Better.NEITHER),
)
_WAIT = (
    Metric("p50", "µs", Better.LOWER, digits=1),
    Metric("p99", "µs", Better.LOWER, digits=1),
)


def _callers(model: str, title: str, requests: int, targets: tuple[Target, ...] = ()) -> Workload:
    return Workload(
        f"callers_{model}",
        f"64 callers, {title}",
        "callers",
        metrics=_RATE,
        targets=targets,
        parameters={"callers": 64, "requests": requests, "model": model},
        scaled=("requests",),
        among=() if targets else _QUICK,
    )


BENCHMARK = Benchmark(
    name="workers",
    title="The worker pool",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.in_process"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_pool"),
        Contender(_HAND, Role.PEER, f"{__name__}.by_hand", *_PYZMQ),
        Contender(_ZMQ, Role.PEER, f"{__name__}.zmq_asyncio", *_PYZMQ),
        Contender(_RAY, Role.PEER, f"{__name__}.ray_actor", "ray", "ray==2.60.0", 0.03),
    ),
    workloads=(
        _callers("tiny", "16 numbers to their sum", 200_000),
        _callers(
            "small",
            "a perceptron 128-256-256-10",
            150_000,
            (
                Target("rate", 0.95, _LIMIT, at_least=True),
                Target("rate", 3.5, _HAND, at_least=True),
                Target("rate", 25, _RAY, at_least=True),
            ),
        ),
        _callers("large", "a perceptron 512-1024-1024-10", 20_000),
        Workload(
            "alone",
            "one caller alone, 16 numbers to their sum",
            "alone",
            metrics=_WAIT,
            targets=(Target("p50", 1.1, _HAND),),
            parameters={"requests": 5000, "model": "tiny"},
            scaled=("requests",),
            among=_QUICK,
        ),
    ),
)

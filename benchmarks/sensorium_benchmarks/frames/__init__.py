"""Camera frames to Python code in another process: how long one takes, and how many a second.

Every contender carries an RGB frame, a numpy array, out of an asyncio program and hands it as a
numpy array to Python code in another process, which reads one byte of each page and then the
clock (``CLOCK_MONOTONIC``, the same in both). Where the rate is measured nothing may be lost: no
more than a window of frames is under way, small for large frames, since buffers in turn push each
other out of the cache.

* The **limit** is a ring of slots in shared memory by hand, with an eventfd each way that
  the consumer's asyncio loop watches.
* **Ours** is ``await PoolExecutor.infer("eye", frame)``: the code in the other process is a model
  in a worker, on the model's own thread, and its answer comes back to the caller's loop. It is
  how a plugin has frames computed elsewhere; the consumer is not itself on an asyncio loop, and
  the round trip, which is, is given beside it.
Each twice: with frames in the camera's own memory, and *in place*, in memory that the contender
lends to the camera, if it can: the ring its slots, ours ``PoolExecutor.buffer``, dora the buffer
of ``send_output_raw``. pyzmq sends from any memory, and copies from any.

* **dora**: a camera node writes frames straight into dora's shared memory, a consumer node awaits
  them on its asyncio loop.
* **pyzmq** by hand: PUSH and PULL over a Unix socket with ``copy=False`` on both sides, the
  consumer on ``zmq.asyncio``.
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

_P50 = Metric("p50", "µs", Better.LOWER)
_P99 = Metric("p99", "µs", Better.LOWER)
_ROUND_TRIP = Metric("round_trip", "µs", Better.LOWER)
_RATE = Metric("rate", "frames/s", Better.HIGHER)
_LOST = Metric("lost", "frames", Better.LOWER)

_LIMIT, _OURS, _DORA, _PYZMQ = "ring", "sensorium", "dora", "pyzmq"
_IN_PLACE, _MADE = ("", "_in_place"), ("", ", made in place")
_VGA, _FULL_HD = {"width": 640, "height": 480}, {"width": 1920, "height": 1080}


def _latency(
    name: str, title: str, size: dict[str, int], dora: float, pyzmq: float, *, lent: bool = False
) -> Workload:
    return Workload(
        name + _IN_PLACE[lent],
        f"{title}{_MADE[lent]}: one frame every 5 ms",
        "latency",
        metrics=(_P50, _P99, _ROUND_TRIP),
        targets=(Target("p50", dora, _DORA), Target("p50", pyzmq, _PYZMQ)),
        parameters={**size, "frames": 200, "interval_s": 0.005, "lent": lent},
        scaled=("frames",),
    )


def _rate(
    name: str, title: str, size: dict[str, int], frames: int, window: int, dora: float,
    pyzmq: float, *, lent: bool = False,
) -> Workload:  # fmt: skip
    return Workload(
        name + _IN_PLACE[lent],
        f"{title}{_MADE[lent]}: as many as can be, none lost",
        "rate",
        metrics=(_RATE, _LOST),
        targets=(
            Target("rate", dora, _DORA, at_least=True),
            Target("rate", pyzmq, _PYZMQ, at_least=True),
            Target("lost", 0),
        ),
        parameters={**size, "frames": frames, "window": window, "lent": lent},
        scaled=("frames",),
    )


BENCHMARK = Benchmark(
    name="frames",
    title="Frames to another process",
    contenders=(
        Contender(_LIMIT, Role.LIMIT, f"{__name__}.ring_limit"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_frames"),
        Contender(
            _DORA,
            Role.PEER,
            f"{__name__}.dora_frames",
            "dora-rs-cli",
            "dora-rs==1.1.0 dora-rs-cli==1.1.0",
        ),
        Contender(_PYZMQ, Role.PEER, f"{__name__}.zmq_frames", "pyzmq", "pyzmq==27.3.0"),
    ),
    workloads=(
        _latency("vga_latency", "640x480", _VGA, dora=0.65, pyzmq=0.65),
        _latency("full_hd_latency", "1920x1080", _FULL_HD, dora=0.85, pyzmq=0.35),
        _rate("vga_rate", "640x480", _VGA, 4000, 16, dora=2, pyzmq=3),
        _rate("full_hd_rate", "1920x1080", _FULL_HD, 1000, 4, dora=4, pyzmq=5),
        _latency("vga_latency", "640x480", _VGA, dora=0.65, pyzmq=0.65, lent=True),
        _latency("full_hd_latency", "1920x1080", _FULL_HD, dora=0.85, pyzmq=0.35, lent=True),
        _rate("vga_rate", "640x480", _VGA, 4000, 16, dora=2, pyzmq=3, lent=True),
        _rate("full_hd_rate", "1920x1080", _FULL_HD, 1000, 4, dora=4, pyzmq=5, lent=True),
    ),
)

"""A 60 Hz camera into a perceiver that is busy for 50 ms: how old is what it looks at?

The camera makes a 640x480 frame every 1/60 s and the perceiver has a model look at it in a
thread, for 46 to 54 ms outside the interpreter lock (the same seeded sequence for everybody: at
50 ms sharp camera and perceiver march in step, and the age shows only how they began). Two of
three frames cannot be used. The age is taken when the model begins. 0.2 s after the last frame
all is counted: frames that were sent, used, and dropped so that the program can tell; what is
``left`` waits or was lost without a word.

Everybody runs on default settings.

* The **limit** keeps the newest frame in a variable, by hand.
* **Ours** is a session with a source and a perceiver that asks a model by name; nobody says a
  policy or a placement.
* **pipecat** is given the frames as they come; its processors queue them all.
* **pyzmq**: PUSH and PULL between two processes, the default limit of 1000 messages on each side.
* **dora**: a camera node and a perceiver node; an input keeps 10 events and drops the oldest.
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


def _count(name: str) -> Metric:
    return Metric(name, "frames", Better.NEITHER)


BENCHMARK = Benchmark(
    name="freshness",
    title="Freshness",
    contenders=(
        Contender("variable", Role.LIMIT, f"{__name__}.slot_limit"),
        Contender("sensorium", Role.OURS, f"{__name__}.sensorium_freshness"),
        Contender(
            "pipecat",
            Role.PEER,
            f"{__name__}.pipecat_freshness",
            "pipecat-ai",
            "pipecat-ai==1.14.0",
        ),
        Contender("pyzmq", Role.PEER, f"{__name__}.zmq_freshness", "pyzmq", "pyzmq==27.3.0"),
        Contender(
            "dora",
            Role.PEER,
            f"{__name__}.dora_freshness",
            "dora-rs-cli",
            "dora-rs==1.1.0 dora-rs-cli==1.1.0",
        ),
    ),
    workloads=(
        Workload(
            "camera",
            "60 Hz camera, 50 ms perceiver: age of a frame when work on it begins",
            "watch",
            metrics=(
                Metric("p50", "ms", Better.LOWER, digits=1),
                Metric("p99", "ms", Better.LOWER, digits=1),
                Metric("last", "ms", Better.LOWER, digits=1),
                _count("sent"),
                _count("used"),
                _count("dropped"),
                Metric("left", "frames", Better.LOWER),
            ),
            targets=(Target("p50", 10.5), Target("p99", 20), Target("left", 0)),
            parameters={"frames": 360, "rate_hz": 60, "busy_ms": 50},
            scaled=("frames",),
        ),
    ),
)

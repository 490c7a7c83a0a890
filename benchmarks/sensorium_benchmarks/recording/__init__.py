"""Recording: pictures and small events a second into a file, and what a live recording costs.

Every contender writes the same events, made before the clock starts, to a file in memory
(``/dev/shm``, where there is one: the disk is not what is compared).

* The **limit** writes the bare bytes: a picture's pixels, an event's JSON as a line.
* **Ours** is :class:`~sensorium.recording.writer.RecordingWriter`: JSON with schema and envelope,
  base64, chunks, indexes, checksums.
* **mcap** is the ``Writer`` of the mcap package with its default settings, given the very same
  messages by the same code, so what is compared is the writing of the file.

``live`` is a session on the wall clock with a 30 Hz VGA camera and a 16 kHz microphone, whose
recorder runs in its thread with default options; it counts the processor time that recording adds.
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

_OURS, _MCAP, _FILE = "sensorium", "mcap", "raw file"
_FRAMES = Metric("rate", "frames/s", Better.HIGHER)
_EVENTS = Metric("rate", "events/s", Better.HIGHER)
_SIZE = Metric("size", "bytes each", Better.LOWER)
_CPU = Metric("cpu", "% of a core", Better.LOWER, digits=1)
_LOST = Metric("lost", "events", Better.LOWER)

BENCHMARK = Benchmark(
    name="recording",
    title="Recording to MCAP",
    contenders=(
        Contender(_FILE, Role.LIMIT, f"{__name__}.raw_file"),
        Contender(_OURS, Role.OURS, f"{__name__}.sensorium_recording"),
        Contender(_MCAP, Role.PEER, f"{__name__}.mcap_recording", "mcap", "mcap==1.6.0"),
    ),
    workloads=(
        Workload(
            "frames",
            "640x480 pictures, zstd",
            "frames",
            metrics=(_FRAMES, _SIZE),
            targets=(Target("rate", 2, _MCAP, at_least=True),),
            parameters={"events": 100, "compression": "zstd"},
        ),
        Workload(
            "frames_plain",
            "640x480 pictures, no compression",
            "frames",
            metrics=(_FRAMES, _SIZE),
            parameters={"events": 150, "compression": "none"},
        ),
        Workload(
            "small",
            "small events, zstd",
            "small",
            metrics=(_EVENTS, _SIZE),
            targets=(Target("rate", 0.8, _MCAP, at_least=True),),
            parameters={"events": 50_000, "compression": "zstd"},
        ),
        Workload(
            "live",
            "30 Hz VGA and 16 kHz sound in a session",
            "live",
            metrics=(_CPU, _LOST),
            targets=(Target("cpu", 15), Target("lost", 0)),
            parameters={"seconds": 10.0},
            scaled=("seconds",),
            among=(_OURS,),
        ),
    ),
)

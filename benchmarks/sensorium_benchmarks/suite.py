"""Every benchmark there is, by name. A new one is one line here."""

from __future__ import annotations

from sensorium_benchmarks import (
    align,
    barge_in,
    bus,
    frames,
    freshness,
    hops,
    recording,
    recovery,
    startup,
    telemetry,
    wer,
    workers,
)
from sensorium_benchmarks.contract import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    one.name: one
    for one in (
        startup.BENCHMARK,
        bus.BENCHMARK,
        hops.BENCHMARK,
        frames.BENCHMARK,
        freshness.BENCHMARK,
        barge_in.BENCHMARK,
        telemetry.BENCHMARK,
        workers.BENCHMARK,
        recovery.BENCHMARK,
        recording.BENCHMARK,
        align.BENCHMARK,
        wer.BENCHMARK,
    )
}

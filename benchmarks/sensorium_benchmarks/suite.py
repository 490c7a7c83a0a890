"""Every benchmark there is, by name. A new one is one line here."""

from __future__ import annotations

from sensorium_benchmarks import bus, startup, wer
from sensorium_benchmarks.contract import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    one.name: one for one in (startup.BENCHMARK, bus.BENCHMARK, wer.BENCHMARK)
}

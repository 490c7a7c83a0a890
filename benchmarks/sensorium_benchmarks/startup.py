"""How long a user waits for ``import sensorium`` and for ``sensorium --help``.

The limit is an interpreter that does nothing. Each figure is the wall time of one fresh process,
after another one has filled the caches of byte code and files.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from sensorium_benchmarks.contract import Benchmark, Better, Contender, Metric, Role, Target, Workload

HEAVY = ("torch", "cv2", "transformers", "onnxruntime", "av")
"""What the core may never load."""

_SECONDS = Metric("seconds", "s", Better.LOWER, digits=3)
_HEAVY = Metric("heavy_modules", "heavy libraries loaded", Better.LOWER)

BENCHMARK = Benchmark(
    name="startup",
    title="Start-up time of fresh processes",
    contenders=(
        Contender("python -c pass", Role.LIMIT, "sensorium_benchmarks.startup_limit"),
        Contender("sensorium", Role.OURS, "sensorium_benchmarks.startup"),
    ),
    workloads=(
        Workload(
            "import",
            "import sensorium",
            "import_core",
            metrics=(_SECONDS, _HEAVY),
            targets=(Target("seconds", 0.3), Target("heavy_modules", 0)),
        ),
        Workload(
            "help",
            "sensorium --help",
            "show_help",
            metrics=(_SECONDS,),
            targets=(Target("seconds", 0.5),),
        ),
    ),
)


def import_core() -> dict[str, float]:
    """Time ``import sensorium`` and count the heavy libraries that came with it."""
    count = f"import sensorium, sys; print(sum(name in sys.modules for name in {HEAVY}))"
    loaded = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, check=True, text=True
    )
    seconds = seconds_of([sys.executable, "-c", "import sensorium"])
    return {"seconds": seconds, "heavy_modules": float(loaded.stdout)}


def show_help() -> dict[str, float]:
    """Time the installed script ``sensorium --help``."""
    script = Path(sysconfig.get_path("scripts")) / "sensorium"
    return {"seconds": seconds_of([str(script), "--help"])}


def seconds_of(command: list[str]) -> float:
    """Wall time of ``command``, after one run that does not count. Raises when it fails."""
    subprocess.run(command, capture_output=True, check=True)
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began

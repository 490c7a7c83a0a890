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

from sensorium_benchmarks.contract import (
    Benchmark,
    Better,
    Contender,
    Metric,
    Role,
    Target,
    Workload,
)

HEAVY = ("torch", "cv2", "transformers", "onnxruntime", "av")
"""What the core may never load."""

_SECONDS = Metric("time", "s", Better.LOWER, digits=3)
_HEAVY = Metric("heavy", "libraries", Better.LOWER)

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
            targets=(Target("time", 0.3), Target("heavy", 0)),
        ),
        Workload(
            "import_all",
            "from sensorium import *  (every public name)",
            "import_everything",
            metrics=(_SECONDS, _HEAVY),
            targets=(Target("time", 0.5), Target("heavy", 0)),
        ),
        Workload(
            "help",
            "sensorium --help",
            "show_help",
            metrics=(_SECONDS,),
            targets=(Target("time", 0.5),),
        ),
    ),
)


def import_core() -> dict[str, float]:
    """Time ``import sensorium``, whose names are loaded when they are first used."""
    return _imported("import sensorium")


def import_everything() -> dict[str, float]:
    """Time the import of every public name, and so of the whole core."""
    return _imported("from sensorium import *")


def show_help() -> dict[str, float]:
    """Time the installed script ``sensorium --help``."""
    script = Path(sysconfig.get_path("scripts")) / "sensorium"
    return {"time": seconds_of([str(script), "--help"])}


def _imported(statement: str) -> dict[str, float]:
    count = f"{statement}; import sys; print(sum(name in sys.modules for name in {HEAVY}))"
    loaded = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, check=True, text=True
    )
    seconds = seconds_of([sys.executable, "-c", statement])
    return {"time": seconds, "heavy": float(loaded.stdout)}


def seconds_of(command: list[str]) -> float:
    """Wall time of ``command``, after one run that does not count. Raises when it fails."""
    subprocess.run(command, capture_output=True, check=True)
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began

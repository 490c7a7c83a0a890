"""An interpreter that starts and ends: nothing written in Python can be quicker."""

from __future__ import annotations

import sys

from sensorium_benchmarks.startup import seconds_of


def import_core() -> dict[str, float]:
    """Time ``python -c pass``."""
    return {"time": seconds_of([sys.executable, "-c", "pass"]), "heavy": 0.0}


import_everything = show_help = import_core

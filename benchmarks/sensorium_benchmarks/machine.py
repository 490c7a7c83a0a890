"""What a measurement was made on: without it a figure means nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

BYTES_PER_GIB = 1 << 30


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, Python, and how busy the machine was at that moment."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_1min": _load(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """``machine`` as one line."""
    memory = f", {machine['memory_gib']:g} GiB" if machine["memory_gib"] else ""
    load = "" if machine["load_1min"] is None else f"; load {machine['load_1min']:.1f} at the start"
    return (
        f"{machine['processor']}, {machine['cores']} cores{memory}, {machine['system']}, "
        f"{machine['python']}{load}"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / BYTES_PER_GIB, 1)


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None

"""Devices as a worker sees them: which there are, and how much of their memory is taken."""

from __future__ import annotations

import importlib.util
import os
import resource
import sys
from functools import cache
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@cache
def resolve_device(device: str) -> str:
    """What ``auto`` means here: ``cuda:0``, ``mps`` or ``cpu``. Others stand for themselves.

    torch takes seconds to import, so it is asked only where there may be a GPU at all.
    """
    if device != "auto":
        return device
    gpu = Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()
    if (gpu or sys.platform.startswith("darwin")) and importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            return "cuda:0"
        if torch.backends.mps.is_available():
            return "mps"
    return "cpu"


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:  # no /proc: the peak is all there is to know, in bytes on macOS
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def device_memory(device: str) -> int:
    """Bytes that torch holds on a CUDA device; 0 for others and where torch was not used."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda") or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.memory_reserved(device))

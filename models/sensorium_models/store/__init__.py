"""The model store: pretrained weights by name, fetched once, checked, and kept for offline use.

>>> from sensorium_models.store import ModelStore
>>> ModelStore().path("silero-vad", "silero_vad.onnx")  # doctest: +SKIP
"""

from sensorium_models.store.carriers import Fetch, fetch_with_pip
from sensorium_models.store.files import Problem, State
from sensorium_models.store.manifest import Carrier, Entry, Manifest, parse_manifest
from sensorium_models.store.progress import (
    BarProgress,
    LineProgress,
    PullProgress,
    SilentProgress,
    progress_on,
)
from sensorium_models.store.store import ModelStore, default_root

__all__ = [
    "BarProgress",
    "Carrier",
    "Entry",
    "Fetch",
    "LineProgress",
    "Manifest",
    "ModelStore",
    "Problem",
    "PullProgress",
    "SilentProgress",
    "State",
    "default_root",
    "fetch_with_pip",
    "parse_manifest",
    "progress_on",
]

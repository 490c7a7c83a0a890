"""Models and where they run."""

from sensorium.workers.combined import CombinedExecutor
from sensorium.workers.executor import Executor, ModelHandle
from sensorium.workers.inprocess import Hosted, InProcessExecutor
from sensorium.workers.model import Model, ModelOptions

__all__ = [
    "CombinedExecutor",
    "Executor",
    "Hosted",
    "InProcessExecutor",
    "Model",
    "ModelHandle",
    "ModelOptions",
]

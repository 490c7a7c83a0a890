"""The worker pool: models in supervised processes of their own, on one machine."""

from sensorium.workers.options import PoolModel, PoolOptions
from sensorium.workers.pool.executor import PoolExecutor
from sensorium.workers.pool.statistics import ModelStatistics, PoolStatistics, WorkerStatistics

__all__ = [
    "ModelStatistics", "PoolExecutor", "PoolModel", "PoolOptions", "PoolStatistics",
    "WorkerStatistics",
]  # fmt: skip

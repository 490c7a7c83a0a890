"""What a pool has done so far, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ModelCounts:
    """What became of the requests of one model."""

    requests: int = 0
    batches: int = 0
    """Sent; a batch that was lost with its worker and sent again counts again."""
    batched: int = 0
    """Requests in those."""
    sizes: Counter[int] = field(default_factory=Counter)
    """How many batches had so many requests."""
    retries: int = 0
    failures: int = 0
    expired: int = 0
    cancelled: int = 0
    superseded: int = 0
    late: int = 0
    """Answers that came when nobody waited any more; they were dropped."""


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """One model of a pool."""

    model: str
    requests: int
    batches: int
    mean_batch: float
    waiting: int
    in_flight: int
    retries: int
    failures: int
    expired: int
    cancelled: int
    superseded: int
    late: int
    copies: int
    """Lanes that take requests now."""
    memory: int
    """Bytes its copies took when they were loaded, on hosts and devices together."""
    sizes: dict[int, int] = field(default_factory=dict)
    """How many batches had so many requests."""


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """One process of a pool."""

    worker: str
    device: str
    epoch: int
    pid: int
    state: str
    """starting, loading, ready, or spare."""
    rss: int
    """Resident bytes."""
    outstanding: int
    requests_shared: int
    """Bytes held in the arena of requests."""
    inline: int
    """Large arrays that found no room in shared memory and went through the socket."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """A whole pool."""

    models: dict[str, ModelStatistics]
    workers: list[WorkerStatistics]
    lost: int
    """Worker processes that died or were killed as hung."""
    invalid: int
    """Messages of workers that could not be read; they were dropped."""
    foreign: int
    """Messages of lives that were over, or of nobody we know; they were dropped."""
    refused: int
    """Connections of strangers that were turned away."""

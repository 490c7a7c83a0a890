"""The models of a pool, and which of their lanes takes how much of what waits."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from sensorium.workers.options import PoolModel
from sensorium.workers.pool.lives import BATCHES_AHEAD, Lane
from sensorium.workers.pool.requests import Request, RequestQueue
from sensorium.workers.pool.statistics import ModelCounts

HALVE_FROM = 16  # requests
HALVE_BELOW_S = 0.001


@dataclass(eq=False)
class Entry:
    """One model of the pool."""

    name: str
    spec: PoolModel
    queue: RequestQueue = field(default_factory=RequestQueue)
    suspects: deque[Request] = field(default_factory=deque)
    lanes: list[Lane] = field(default_factory=list)
    """The lanes that take requests."""
    counts: ModelCounts = field(default_factory=ModelCounts)
    wanted: bool = False
    """Whether it was loaded, and is to be on every life of its workers."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a lane of it has become ready, failed or ended."""
    error: BaseException | None = None
    """Of the last load, while there is no lane."""
    pumping: bool = False
    """Whether what waits will be sent on one of the next turns of the loop."""
    traced: bool = False
    """Whether any call of it was: as long as none is, nobody looks for their spans."""
    put_off: bool = False
    """Whether one turn later than that."""
    answered_at_once: int = 0
    """Requests in the batch answered last: so many callers may be about to ask again."""
    batch_s: float = 0.0
    """How long that batch ran."""

    @property
    def down(self) -> bool:
        """Whether a request has to bring it up first: it never was, or could not be."""
        return not self.wanted or (self.error is not None and not self.lanes)


def freest(entry: Entry) -> Lane | None:
    """The lane with room whose worker has the least to do."""
    if len(entry.lanes) == 1:
        lane = entry.lanes[0]
        full = len(lane.in_flight) >= BATCHES_AHEAD or lane.life.reserved is not None
        return None if full else lane
    open_lanes = [
        lane
        for lane in entry.lanes
        if lane.life.reserved is None and len(lane.in_flight) < BATCHES_AHEAD
    ]
    if len(open_lanes) < 2:
        return open_lanes[0] if open_lanes else None
    return min(open_lanes, key=lambda lane: (lane.life.outstanding, lane.outstanding))


def share(entry: Entry, lane: Lane) -> int:
    """How many of those that wait the lane is sent.

    Several idle lanes divide the work. Of a model whose batches take less than
    :data:`HALVE_BELOW_S`, many requests are divided evenly over the batches that may be under way,
    so that pool and worker work at the same time: or else all callers wait for the worker, and
    then the worker for all callers. Of a slower one, a larger batch is worth more.
    """
    count = len(entry.queue)
    if not lane.in_flight and len(entry.lanes) > 1:
        count = -(-count // sum(1 for held in entry.lanes if not held.in_flight))
    if entry.batch_s < HALVE_BELOW_S and count >= HALVE_FROM:
        return -(-(count + lane.outstanding) // BATCHES_AHEAD)
    return count


def overdue(lane: Lane, now: float, grace_s: float) -> Request | None:
    """The request that its lane has been running for too long after its deadline."""
    if not lane.in_flight:
        return None
    head = lane.in_flight[0]
    if now - head.head_since <= grace_s:
        return None
    for request in head.requests:
        if request.deadline is not None and now > request.deadline + grace_s:
            return request
    return None

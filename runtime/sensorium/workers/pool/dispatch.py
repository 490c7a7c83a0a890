"""Which request goes where, and what becomes of it. Runs on the event loop; never waits.

Batching has no timer. A lane (one copy of a model on one worker) has at most
:data:`~sensorium.workers.pool.lives.BATCHES_AHEAD` batches under way; requests that wait
meanwhile are the next batch. A request that finds everything idle is sent at once.

When a worker dies, the requests that it may have been running are suspects: each is tried again
with a worker to itself, so that the one that kills its worker is found and the others answered.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensorium.errors import DeadlineExceeded, PayloadError, PoisonedRequest, WorkerLost
from sensorium.payloads.base import Payload
from sensorium.payloads.system import RequestRetried
from sensorium.workers.options import PoolModel
from sensorium.workers.pool import protocol
from sensorium.workers.pool.faults import rebuild
from sensorium.workers.pool.lives import BATCHES_AHEAD, Lane, Life, Shipped
from sensorium.workers.pool.requests import STREAM_AHEAD, Inbox, Request, RequestQueue
from sensorium.workers.pool.statistics import ModelCounts


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

    @property
    def down(self) -> bool:
        """Whether a request has to bring it up first: it never was, or could not be."""
        return not self.wanted or (self.error is not None and not self.lanes)


class Dispatcher:
    """Sends batches to lanes and hands their answers out."""

    def __init__(
        self,
        send: Callable[[Life, bytes, list[protocol.Frame]], None],
        announce: Callable[[Payload], None],
        retries: int,
    ) -> None:
        self._send = send
        self._announce = announce
        self._retries = retries
        self._loop = asyncio.get_running_loop()
        self._batches = itertools.count(1)

    # --- callers --------------------------------------------------------------------------

    def submit(self, entry: Entry, request: Request) -> None:
        """Send a request, now or when its turn comes."""
        entry.counts.requests += 1
        if request.deadline is not None:
            request.timer = self._loop.call_at(request.deadline, self._expire, entry, request)
        if not entry.pumping and not entry.queue and not entry.suspects:
            lane = _freest(entry)
            if lane is not None and not lane.in_flight:
                self._ship(lane, [request])  # alone: no reason to wait for others
                return
        self._queue(entry, request)
        self.pump_soon(entry)

    def forget(self, entry: Entry, request: Request) -> None:
        """Its caller has gone."""
        entry.counts.cancelled += 1
        request.abandon()
        self._withdraw(entry, request)

    def credit(self, request: Request, inbox: Inbox) -> None:
        """The reader of a stream has read a part."""
        life, parts = request.life, inbox.take_credit()
        if parts and life is not None:
            message = protocol.Credit(request.number, parts, life.take_releases())
            self._send(life, life.control, protocol.encode(message))

    # --- sending --------------------------------------------------------------------------

    def pump_soon(self, entry: Entry) -> None:
        """Send what waits once everybody on the loop who is ready to ask has asked."""
        if not entry.pumping:
            entry.pumping = True
            self._loop.call_soon(self.pump, entry)

    def pump(self, entry: Entry) -> None:
        """Send what waits, as far as lanes have room."""
        entry.pumping = False
        self._send_suspect(entry)
        while entry.queue:
            lane = _freest(entry)
            if lane is None:
                return
            idle = sum(1 for held in entry.lanes if not held.in_flight)
            share = -(-len(entry.queue) // max(1, idle))  # several idle lanes divide the work
            most = min(entry.spec.max_batch, share)
            self._ship(lane, entry.queue.take(most, entry.spec.max_batch_bytes))

    def _send_suspect(self, entry: Entry) -> None:
        while entry.suspects and entry.suspects[0].done:
            entry.suspects.popleft()
        if not entry.suspects:
            return
        lives = {lane.life for lane in entry.lanes}
        if any(life.reserved is entry for life in lives):
            life = next(life for life in lives if life.reserved is entry)
        else:
            free = [life for life in lives if life.reserved is None]
            if not free:
                return
            life = min(free, key=lambda life: life.outstanding)
            life.reserved = entry
        if not life.outstanding:
            lane = next(lane for lane in entry.lanes if lane.life is life)
            self._ship(lane, [entry.suspects.popleft()])

    def _ship(self, lane: Lane, requests: list[Request]) -> None:
        now = self._loop.time()
        life, number = lane.life, next(self._batches)
        shipment = protocol.Shipment(life.outbox)
        items = []
        for request in requests:
            request.attempts += 1
            request.life = life
            packed = request.packed
            places = shipment.place(packed) if packed.arrays else []
            budget_ms = -1 if request.deadline is None else request.budget_ms(now)
            items.append(protocol.Item(request.number, budget_ms, packed.tree, places))
        message: protocol.Message
        if requests[0].streams:
            message = protocol.Stream(number, items[0], STREAM_AHEAD, life.take_releases())
        else:
            message = protocol.Batch(number, items, life.take_releases())
        batch = Shipped(number, {r.number: r for r in requests}, shipment.slots, now)
        lane.in_flight.append(batch)
        lane.entry.counts.batches += 1
        lane.entry.counts.batched += len(requests)
        self._send(life, lane.address, protocol.encode(message, shipment.inline))

    # --- answers --------------------------------------------------------------------------

    def results(self, lane: Lane, message: protocol.Results, inline: list[bytes]) -> None:
        """A batch was answered. Raises :class:`PayloadError` when it was never sent there."""
        batch, life = self._finish(lane, message.batch), lane.life
        life.answered += 1
        if message.places:
            life.releases.extend(protocol.shared_slots(message.places))
        parcel = protocol.Parcel(inline, life.results, copies=True)
        try:
            values = protocol.open_tree(message.tree, message.places, parcel)
            if not isinstance(values, list) or len(values) != len(batch.requests):
                raise PayloadError("not as many results as requests")
        except PayloadError as error:
            lost = WorkerLost(lane.entry.name, life.name, f"its answer makes no sense: {error}")
            for request in batch.requests.values():
                request.life = None
                request.fail(lost)
            self._continue(lane)
            raise
        failed = set(message.failed)
        for position, request in enumerate(batch.requests.values()):
            request.life = None
            if request.outcome.done():
                lane.entry.counts.late += 1
            elif position in failed:
                self._fail(lane.entry, request, values[position])
            else:
                request.answer(values[position])
        self._continue(lane)

    def part(self, lane: Lane, message: protocol.Part, inline: list[bytes]) -> None:
        """A part of a stream has come. Raises :class:`PayloadError` when it is none."""
        lane.life.releases.extend(protocol.shared_slots(message.places))
        for batch in lane.in_flight:
            request = batch.requests.get(message.request)
            if request is not None and isinstance(request.outcome, Inbox):
                parcel = protocol.Parcel(inline, lane.life.results, copies=True)
                request.outcome.put(protocol.open_tree(message.tree, message.places, parcel))
                lane.life.answered += 1
                return
        raise PayloadError(f"a part of request {message.request}, which is not under way")

    def end(self, lane: Lane, message: protocol.End) -> None:
        """A stream is over. Raises :class:`PayloadError` when there was none."""
        batch = self._finish(lane, message.batch)
        for request in batch.requests.values():
            request.life = None
            if message.error:
                self._fail(lane.entry, request, message.error)
            request.answer(None)
        lane.life.answered += 1
        self._continue(lane)

    @staticmethod
    def _fail(entry: Entry, request: Request, described: Any) -> None:
        if request.done:
            return
        error = rebuild(entry.name, described if isinstance(described, dict) else {})
        if isinstance(error, DeadlineExceeded) and request.deadline is not None:
            entry.counts.expired += 1
            error = DeadlineExceeded(entry.name, request.seconds)
        else:
            entry.counts.failures += 1
        request.fail(error)

    def _finish(self, lane: Lane, number: int) -> Shipped:
        batch = lane.find(number)
        if batch is None:
            raise PayloadError(f"batch {number} is not under way")
        lane.in_flight.remove(batch)
        for offset in batch.slots:
            lane.life.outbox.slots.release(offset)
        if lane.in_flight:
            lane.in_flight[0].head_since = self._loop.time()
        return batch

    def _continue(self, lane: Lane) -> None:
        """Room has come about: those who wait for it go on, after the answered have asked anew."""
        life = lane.life
        if life.reserved is not None:
            reserved, life.reserved = life.reserved, None
            if reserved.suspects:
                life.reserved = reserved
                self.pump_soon(reserved)
                return
        for held in life.lanes.values():
            if held.entry.queue or held.entry.suspects:
                self.pump_soon(held.entry)

    # --- ends of requests and of lives ------------------------------------------------------

    def _expire(self, entry: Entry, request: Request) -> None:
        if request.done:
            return
        entry.counts.expired += 1
        request.fail(DeadlineExceeded(entry.name, request.seconds))
        self._withdraw(entry, request)

    def _withdraw(self, entry: Entry, request: Request) -> None:
        entry.queue.discard(request)
        life = request.life
        if life is not None:
            self._send(life, life.control, protocol.encode(protocol.Cancel(request.number)))
        elif request in entry.suspects:
            entry.suspects.remove(request)

    def lose(self, life: Life) -> None:
        """A life is over: try again what it had not answered."""
        held = [(lane, batch) for lane in life.lanes.values() for batch in lane.in_flight]
        running = {id(lane.in_flight[0]) for lane, _ in held}
        alone = sum(len(batch.requests) for _, batch in held) == 1
        entries = {id(lane.entry): lane.entry for lane in life.lanes.values()}
        for lane, batch in held:
            for request in batch.requests.values():
                request.life = None
                if not request.done:
                    suspect = id(batch) in running
                    self._retry(lane.entry, request, life, suspect=suspect, alone=alone)
            lane.in_flight = deque()
        for entry in entries.values():
            entry.lanes = [lane for lane in entry.lanes if lane.life is not life]
            entry.changed.set()
            self.pump_soon(entry)

    def _retry(
        self, entry: Entry, request: Request, life: Life, *, suspect: bool, alone: bool
    ) -> None:
        request.lonely_deaths += suspect and alone
        begun = isinstance(request.outcome, Inbox) and request.outcome.begun
        if suspect and (begun or not self._retries):
            entry.counts.failures += 1
            request.fail(WorkerLost(entry.name, life.name, life.cause))
            return
        if request.lonely_deaths > self._retries:
            entry.counts.failures += 1
            request.fail(PoisonedRequest(entry.name, request.number, request.lonely_deaths))
            return
        entry.counts.retries += 1
        attempt = request.attempts + 1
        self._announce(RequestRetried(entry.name, request.number, life.name, attempt))
        if suspect:
            entry.suspects.append(request)
        else:
            self._queue(entry, request)

    def fail_waiting(self, entry: Entry, error: BaseException) -> None:
        """No lane is left, nor will there be one: nobody shall wait for it."""
        for request in (*entry.queue.drain(), *entry.suspects):
            if not request.done:
                entry.counts.failures += 1
                request.fail(error)
        entry.suspects.clear()

    def fail_sent(self, life: Life, error: BaseException) -> None:
        """The pool closes: nobody shall wait for what is under way."""
        for lane in life.lanes.values():
            for batch in lane.in_flight:
                for request in batch.requests.values():
                    request.life = None
                    request.fail(error)

    def _queue(self, entry: Entry, request: Request) -> None:
        outdated = entry.queue.push(request)
        if outdated is not None:
            entry.counts.superseded += 1


def _freest(entry: Entry) -> Lane | None:
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


def overdue(lane: Lane, now: float, grace_s: float) -> Request | None:
    """The request that its lane has been running for too long after its deadline."""
    if not lane.in_flight:
        return None
    head = lane.in_flight[0]
    if now - head.head_since <= grace_s:
        return None
    for request in head.requests.values():
        if request.deadline is not None and now > request.deadline + grace_s:
            return request
    return None

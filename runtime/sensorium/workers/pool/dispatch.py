"""Which request goes where, and what becomes of it. Runs on the event loop; never waits.

Batching has no timer. A lane (one copy of a model on one worker) has at most
:data:`~sensorium.workers.pool.lives.BATCHES_AHEAD` batches under way; requests that wait
meanwhile are the next batch, one message. A request that finds everything idle is sent at once.

When a worker dies, the requests that it may have been running are suspects: each is tried again
with a worker to itself, so that the one that kills its worker is found and the others answered.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from typing import Any

from sensorium.errors import (
    DeadlineExceeded,
    ModelError,
    PayloadError,
    PoisonedRequest,
    WorkerLost,
)
from sensorium.payloads.base import Payload
from sensorium.payloads.system import RequestRetried
from sensorium.workers.pool import packing, protocol
from sensorium.workers.pool.entries import Entry, freest, share
from sensorium.workers.pool.faults import rebuild
from sensorium.workers.pool.lives import Lane, Life, Shipped
from sensorium.workers.pool.requests import STREAM_AHEAD, Deadlines, Inbox, Request


@dataclass(slots=True)
class _Failure:
    """Instead of a result: the facts of an error."""

    facts: Any


_UNUSUAL = frozenset((_Failure, PayloadError))


class Dispatcher:
    """Sends batches to lanes and hands their answers out."""

    def __init__(
        self,
        send: Callable[[Life, bytes, list[protocol.Frame]], None],
        announce: Callable[[Payload], None],
        retries: int,
        entries: Collection[Entry],
    ) -> None:
        self._send = send
        self._announce = announce
        self._retries = retries
        self._loop = asyncio.get_running_loop()
        self._batches = itertools.count(1)
        self._entries = entries
        self._under_way: dict[int, Shipped] = {}
        self.deadlines = Deadlines(self._open_requests, self._expire)

    # --- callers --------------------------------------------------------------------------

    def submit(self, request: Request) -> None:
        """Send a request, now or when its turn comes."""
        entry, when = request.entry, request.deadline
        entry.counts.requests += 1
        if when is not None and when < self.deadlines.next:
            self.deadlines.look_at(when)
        if not entry.pumping:
            if entry.answered_at_once < 2 and not (entry.queue or entry.suspects):
                lane = freest(entry)
                if lane is not None and not lane.in_flight:
                    self._ship(lane, [request])  # alone: no reason to wait for others
                    return
            self.pump_soon(entry)
        if not request.special:
            request.waiting = True
            entry.queue.usual.append(request)
        elif entry.queue.push(request) is not None:
            entry.counts.superseded += 1

    def close(self) -> None:
        """Watch over no deadline any more."""
        self.deadlines.look_at(inf)

    def forget(self, request: Request) -> None:
        """Its caller has gone."""
        request.entry.counts.cancelled += 1
        request.abandon()
        self._withdraw(request)

    def credit(self, request: Request, inbox: Inbox) -> None:
        """The reader of a stream has read a part."""
        life, parts = request.life, inbox.take_credit()
        if parts and life is not None:
            message = protocol.Credit(request.number, parts, life.take_releases())
            self._send(life, life.control, protocol.encode(message))

    # --- sending --------------------------------------------------------------------------

    def pump_soon(self, entry: Entry) -> None:
        """Send what waits once everybody on the loop who is ready to ask has asked."""
        entry.put_off = entry.pumping  # more have been answered since: they are behind it
        if not entry.pumping:
            entry.pumping = True
            self._loop.call_soon(self.pump, entry)

    def pump(self, entry: Entry) -> None:
        """Send what waits, as far as lanes have room."""
        if entry.put_off:
            entry.put_off = False
            self._loop.call_soon(self.pump, entry)
            return
        entry.pumping = False
        self._send_suspect(entry)
        while entry.queue:
            lane = freest(entry)
            if lane is None:
                return
            most = min(entry.spec.max_batch, share(entry, lane))
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
        entry, life = lane.entry, lane.life
        requests, packed = self._packed(requests)
        if not requests:
            return
        number, now = next(self._batches), self._loop.time()
        shipment = packing.Shipment(life.outbox)
        values = shipment.lay_out(packed)
        numbers = [request.number for request in requests]
        traces = _traces(requests) if entry.traced else {}
        message: protocol.Message
        if isinstance(requests[0].outcome, Inbox):
            requests[0].life = life
            budget = requests[0].budget_ms(now)
            message = protocol.Stream(
                number,
                numbers[0],
                budget,
                values,
                STREAM_AHEAD,
                life.take_releases(),
                traces,
            )
        else:
            message = protocol.Batch(number, numbers, values, life.take_releases(), traces)
        batch = Shipped(number, requests, shipment.slots, now, life)
        lane.in_flight.append(batch)
        self._under_way[number] = batch
        entry.counts.batches += 1
        entry.counts.batched += len(requests)
        entry.counts.sizes[len(requests)] += 1
        self._send(life, lane.address, protocol.encode(message, shipment.inline))

    # --- answers --------------------------------------------------------------------------

    def results(self, lane: Lane, message: protocol.Results, inline: list[bytes]) -> None:
        """A batch was answered. Raises :class:`PayloadError` when it was never sent there."""
        batch, life = self._finish(lane, message.batch), lane.life
        life.answered += 1
        requests, values = batch.requests, message.values
        if values.places:
            life.releases.extend(packing.shared_slots(values))
        parcel = packing.Parcel(inline, life.results, copies=True)
        try:
            results = packing.open_each(values, parcel, len(requests))
        except PayloadError as error:
            lost = WorkerLost(lane.entry.name, life.name, f"its answer makes no sense: {error}")
            for request in requests:
                request.fail(lost)
            self._continue(lane)
            raise
        if lane.entry.traced:
            _tell_times(batch, life, message)
        for position in message.failed:
            if position < len(results):
                results[position] = _Failure(results[position])
        unusual = message.failed or isinstance(results, packing.Patchy)
        for request, result in zip(requests, results, strict=True):
            if unusual and type(result) in _UNUSUAL and not request.done:
                self._fail(request, result)
                continue
            try:
                request.outcome.set_result(result)
            except asyncio.InvalidStateError:  # its caller has an answer, or has gone
                lane.entry.counts.late += 1
        self._continue(lane)

    def part(self, lane: Lane, message: protocol.Part, inline: list[bytes]) -> None:
        """A part of a stream has come. Raises :class:`PayloadError` when it is none."""
        lane.life.releases.extend(packing.shared_slots(message.values))
        for batch in lane.in_flight:
            request = batch.requests[0]  # one that streams is a batch of its own
            if request.number == message.request and isinstance(request.outcome, Inbox):
                parcel = packing.Parcel(inline, lane.life.results, copies=True)
                request.outcome.put(packing.open_tree(message.values, parcel))
                lane.life.answered += 1
                return
        raise PayloadError(f"a part of request {message.request}, which is not under way")

    def end(self, lane: Lane, message: protocol.End) -> None:
        """A stream is over. Raises :class:`PayloadError` when there was none."""
        batch = self._finish(lane, message.batch)
        if lane.entry.traced:
            _tell_times(batch, lane.life, message)
        for request in batch.requests:
            request.life = None
            if message.error and not request.done:
                self._fail(request, _Failure(message.error))
            request.answer(None)
        lane.life.answered += 1
        self._continue(lane)

    @staticmethod
    def _fail(request: Request, what: _Failure | PayloadError) -> None:
        entry = request.entry
        if isinstance(what, PayloadError):
            words = f"gave a result that cannot be read: {what}"
            error: BaseException = ModelError(entry.name, words)
        else:
            error = rebuild(entry.name, what.facts if isinstance(what.facts, dict) else {})
        if isinstance(error, DeadlineExceeded) and request.deadline is not None:
            entry.counts.expired += 1
            error = request.too_late
        else:
            entry.counts.failures += 1
        request.fail(error)

    @staticmethod
    def _refuse(request: Request, words: str) -> None:
        request.entry.counts.failures += 1
        request.fail(ModelError(request.entry.name, words))

    def _finish(self, lane: Lane, number: int) -> Shipped:
        batch = lane.find(number)
        if batch is None:
            raise PayloadError(f"batch {number} is not under way")
        lane.in_flight.remove(batch)
        del self._under_way[number]
        for offset in batch.slots:
            lane.life.outbox.slots.release(offset)
        now, entry = self._loop.time(), lane.entry
        entry.answered_at_once, entry.batch_s = len(batch.requests), now - batch.head_since
        if lane.in_flight:
            lane.in_flight[0].head_since = now
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

    def _open_requests(self) -> list[Request]:
        waiting = [(*entry.queue.held(), *entry.suspects) for entry in self._entries]
        sent = [batch.requests for batch in self._under_way.values()]
        return [request for held in (*waiting, *sent) for request in held]

    def _expire(self, request: Request) -> None:
        request.entry.counts.expired += 1
        request.fail(request.too_late)
        self._withdraw(request)

    def _withdraw(self, request: Request) -> None:
        entry = request.entry
        if request.waiting:
            entry.queue.discard(request)
        elif request in entry.suspects:
            entry.suspects.remove(request)
        else:
            for batch in self._under_way.values():
                if batch.life is not None and request in batch.requests:
                    message = protocol.Cancel(request.number)
                    self._send(batch.life, batch.life.control, protocol.encode(message))
                    return

    def lose(self, life: Life) -> None:
        """A life is over: try again what it had not answered."""
        held = [(lane, batch) for lane in life.lanes.values() for batch in lane.in_flight]
        running = {id(lane.in_flight[0]) for lane, _ in held}
        alone = sum(len(batch.requests) for _, batch in held) == 1
        entries = {id(lane.entry): lane.entry for lane in life.lanes.values()}
        for lane, batch in held:
            self._under_way.pop(batch.number, None)
            for request in batch.requests:
                request.life = None
                if not request.done:
                    suspect = id(batch) in running
                    self._retry(request, life, suspect=suspect, alone=alone)
            lane.in_flight = deque()
        for entry in entries.values():
            entry.lanes = [lane for lane in entry.lanes if lane.life is not life]
            entry.changed.set()
            self.pump_soon(entry)

    def _retry(self, request: Request, life: Life, *, suspect: bool, alone: bool) -> None:
        entry = request.entry
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
        request.lost += 1
        attempt = request.lost + 1
        self._announce(RequestRetried(entry.name, request.number, life.name, attempt))
        if suspect:
            entry.suspects.append(request)
        else:
            if not entry.queue.put_back(request):
                entry.counts.superseded += 1

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
                for request in batch.requests:
                    request.life = None
                    request.fail(error)

    def _packed(self, requests: list[Request]) -> tuple[list[Request], packing.Packed]:
        """The requests that can be packed, packed; the others fail."""
        trees = [request.tree for request in requests]
        try:
            return requests, packing.pack(trees)
        except PayloadError as error:
            if len(requests) == 1:
                self._refuse(requests[0], str(error))
                return [], packing.pack([])
        able = [request for request in requests if self._packed([request])[0]]
        return able, packing.pack([request.tree for request in able])


def _traces(requests: list[Request]) -> dict[int, str]:
    """The spans of those calls that are traced."""
    return {r.number: r.call.traceparent for r in requests if r.call is not None}


def _tell_times(batch: Shipped, life: Life, message: protocol.Results | protocol.End) -> None:
    """Tell those calls that are traced when a worker computed them."""
    for request in batch.requests:
        if request.call is not None and message.ended:
            request.call.ran(life.name, message.begun, message.ended, len(batch.requests))

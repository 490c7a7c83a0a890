"""A model inside a worker: one thread with a socket of its own.

The thread that computes also receives its requests and sends its answers, so no request changes
threads on its way: measured, each change costs as much as the socket. What must be heard while
it computes (cancel, credit) comes over the worker's control socket and reaches it as flags.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Protocol

from sensorium.errors import DeadlineExceeded, ModelError, PayloadError
from sensorium.settings import check_options
from sensorium.workers.model import Model
from sensorium.workers.pool import packing, protocol
from sensorium.workers.pool.arena import Outbox, Region
from sensorium.workers.pool.devices import device_memory, resident_memory, resolve_device
from sensorium.workers.pool.faults import describe

log = logging.getLogger("sensorium.workers")

REMEMBERED = 4096  # cancelled requests that may still be on their way to us


class Calls:
    """What the control thread has heard about requests that lanes hold or will hold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled: OrderedDict[int, None] = OrderedDict()
        self._streams: dict[int, StreamGate] = {}

    def cancel(self, request: int) -> None:
        """Nobody waits for that request: skip it if it has not begun, stop it if it streams."""
        with self._lock:
            self._cancelled[request] = None
            if len(self._cancelled) > REMEMBERED:
                self._cancelled.popitem(last=False)
            gate = self._streams.get(request)
        if gate is not None:
            gate.stop()

    def cancel_streams(self) -> None:
        """Stop every stream: the worker ends."""
        with self._lock:
            gates = list(self._streams.values())
        for gate in gates:
            gate.stop()

    def credit(self, request: int, parts: int) -> None:
        """The reader of that stream has room for more."""
        with self._lock:
            gate = self._streams.get(request)
        if gate is not None:
            gate.more(parts)

    @property
    def any_cancelled(self) -> bool:
        """Whether anything was cancelled that may still come."""
        return bool(self._cancelled)

    def is_cancelled(self, request: int) -> bool:
        """Whether nobody waits for that request."""
        return request in self._cancelled

    @contextmanager
    def stream(self, request: int, credit: int) -> Iterator[StreamGate]:
        """The gate of a stream, while it lasts."""
        gate = StreamGate(credit)
        with self._lock:
            self._streams[request] = gate
            if request in self._cancelled:
                gate.stop()
        try:
            yield gate
        finally:
            with self._lock:
                del self._streams[request]
                self._cancelled.pop(request, None)


class StreamGate:
    """Holds a stream back while its reader has no room; lets it through to its end when stopped."""

    def __init__(self, credit: int) -> None:
        self._room = threading.Semaphore(credit)
        self.stopped = False

    def more(self, parts: int) -> None:
        """So many parts were read."""
        if parts:
            self._room.release(min(parts, 1_000_000))

    def stop(self) -> None:
        """No more parts are wanted."""
        self.stopped = True
        self._room.release()

    def wait(self) -> bool:
        """Wait for room; False when the stream was stopped."""
        self._room.acquire()
        return not self.stopped


class Connection(Protocol):
    """The way from a lane to its pool and back."""

    def receive(self) -> list[protocol.Frame]:
        """The next message. Raises EOFError when the pool has hung up."""

    def send(self, frames: list[protocol.Frame]) -> None:
        """Send a message. Raises EOFError when the pool has hung up."""

    def close(self) -> None:
        """Hang up, when what was sent is out."""


class Lane(threading.Thread):
    """Loads one model and answers its requests until told to let it go."""

    loading = threading.Lock()
    """One at a time: the memory each takes can then be told, and peaks do not add up."""

    def __init__(
        self,
        order: protocol.Load,
        make: Callable[[str], type[Model[Any, Any]]],
        connect: Callable[[], Connection],
        calls: Calls,
        requests: Region | None,
        results: Outbox,
    ) -> None:
        super().__init__(name=f"model-{order.name}", daemon=True)
        self._order = order
        self._make = make
        self._connect = connect
        self._calls = calls
        self._requests = requests
        self._results = results
        self._pool: Connection
        self._model: Model[Any, Any]

    def run(self) -> None:
        """The life of the thread. A fault of ours ends the process: the pool then knows."""
        try:
            self._pool = self._connect()
            with closing(self._pool), suppress(EOFError):  # no pool: this process is about to end
                if self._load():
                    self._serve()
                    self._unload()
        except BaseException:  # not the model's: what it raises is caught where it is called
            log.critical("the thread of model %r failed", self._order.name, exc_info=True)
            os._exit(70)

    def _load(self) -> bool:
        order = self._order
        with self.loading:
            device = resolve_device(order.device)
            before = resident_memory() + device_memory(device)
            try:
                kind = self._make(order.use)
                key = f"models.{order.name}.options"
                self._model = kind(check_options(kind.Options, order.options, key))
                self._model.load(device)
                self._model.warm_up()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
                self._send(protocol.LoadFailed(order.lane, describe(order.name, error)))
                return False
            memory = max(0, resident_memory() + device_memory(device) - before)
        self._send(protocol.Loaded(order.lane, device, memory))
        return True

    def _serve(self) -> None:
        while True:
            frames = self._pool.receive()
            try:
                message = protocol.decode_to_worker(frames)
            except PayloadError as error:
                log.error("model %r got no valid message: %s", self._order.name, error)
                continue
            parcel = packing.Parcel(frames[1:], self._requests)
            match message:
                case protocol.Batch():
                    self._release(message.released)
                    self._answer(message, parcel)
                case protocol.Stream():
                    self._release(message.released)
                    self._stream(message, parcel)
                case protocol.Unload():
                    return
                case _:
                    log.error("model %r got a %s", self._order.name, type(message).__name__)

    def _answer(self, batch: protocol.Batch, parcel: packing.Parcel) -> None:
        numbers = batch.requests
        try:
            outcomes = packing.open_each(batch.values, parcel, len(numbers))
        except PayloadError as error:
            outcomes = [error] * len(numbers)
        if self._calls.any_cancelled:
            for position, number in enumerate(numbers):
                if self._calls.is_cancelled(number):
                    outcomes[position] = ModelError(self._order.name, "nobody waits for this")
        begun = time.time_ns()
        unable = _failed(outcomes)
        if not unable:
            outcomes = self._infer(outcomes)  # the requests' memory is another's once this is out
        elif len(unable) < len(outcomes):
            able = [n for n in range(len(outcomes)) if n not in unable]
            for position, result in zip(
                able, self._infer([outcomes[n] for n in able]), strict=True
            ):
                outcomes[position] = result
        self._send_results(batch.batch, outcomes, (begun, time.time_ns()))

    def _infer(self, requests: list[Any]) -> list[Any]:
        """Results or exceptions. If a batch fails, one by one, so that only the guilty fail."""
        try:
            results = list(self._model.infer(requests))
            if len(results) == len(requests):
                return results
            raise ModelError(
                self._order.name, f"answered {len(requests)} requests with {len(results)} results"
            )
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            if len(requests) == 1:
                return [error.with_traceback(None)]
        return [self._infer([request])[0] for request in requests]

    def _send_results(self, number: int, outcomes: list[Any], times: tuple[int, int]) -> None:
        failed = _failed(outcomes)
        try:
            packed = packing.pack(self._described(outcomes, failed))
        except PayloadError:  # one of them cannot travel: which?
            outcomes = [self._sendable(outcome) for outcome in outcomes]
            failed = _failed(outcomes)
            packed = packing.pack(self._described(outcomes, failed))
        shipment = packing.Shipment(self._results)
        values = shipment.lay_out(packed)
        self._send(protocol.Results(number, values, failed, *times), shipment)

    def _described(self, outcomes: list[Any], failed: list[int]) -> list[Any]:
        if failed:
            outcomes = list(outcomes)
            for position in failed:
                outcomes[position] = describe(self._order.name, outcomes[position])
        return outcomes

    def _sendable(self, outcome: Any) -> Any:
        if not isinstance(outcome, BaseException):
            try:
                packing.pack(outcome)
            except PayloadError as error:
                return ModelError(self._order.name, f"gave a result that cannot travel: {error}")
        return outcome

    def _stream(self, order: protocol.Stream, parcel: packing.Parcel) -> None:
        error = None
        limit = time.monotonic() + order.budget_ms / 1000 if order.budget_ms >= 0 else None
        begun = time.time_ns()
        try:
            with self._calls.stream(order.request, order.credit) as gate:
                if not gate.stopped:
                    (tree,) = packing.open_tree(order.values, parcel)
                    self._make_parts(order.request, self._model.stream(tree), gate, limit)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - a model may raise anything
            error = describe(self._order.name, raised)
        end = protocol.End(order.batch, order.request, error or {}, begun, time.time_ns())
        self._send(end)

    def _make_parts(
        self, request: int, parts: Iterator[Any], gate: StreamGate, limit: float | None
    ) -> None:
        try:
            for part in parts:
                if not gate.wait():
                    return
                if limit is not None and time.monotonic() > limit:
                    raise DeadlineExceeded(self._order.name, 0)  # the pool knows how long it was
                shipment = packing.Shipment(self._results)
                values = shipment.lay_out(packing.pack(part))
                self._send(protocol.Part(request, values), shipment)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def _unload(self) -> None:
        device = resolve_device(self._order.device)
        before = resident_memory() + device_memory(device)
        try:
            self._model.unload()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            log.error("model %r cannot be unloaded: %s", self._order.name, error)
        del self._model
        give_memory_back()
        after = resident_memory() + device_memory(device)
        self._send(protocol.Unloaded(self._order.lane, before - after))

    def _release(self, offsets: list[int]) -> None:
        for offset in offsets:
            with suppress(KeyError):
                self._results.slots.release(offset)

    def _send(self, message: protocol.Message, shipment: packing.Shipment | None = None) -> None:
        self._pool.send(protocol.encode(message, shipment.inline if shipment else ()))


def _failed(outcomes: list[Any]) -> list[int]:
    if not any(issubclass(kind, BaseException) for kind in set(map(type, outcomes))):
        return []
    return [n for n, result in enumerate(outcomes) if isinstance(result, BaseException)]


def give_memory_back() -> None:
    """Free what nobody holds, and return it to the system and to the device."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)

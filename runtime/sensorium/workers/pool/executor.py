"""The worker pool as an executor: models in supervised processes, asked from one event loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sensorium.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelError,
    PayloadError,
    SettingsError,
)
from sensorium.payloads.base import Payload
from sensorium.payloads.system import WorkerLost
from sensorium.telemetry.context import CALL
from sensorium.workers.executor import Executor
from sensorium.workers.options import PoolModel, PoolOptions
from sensorium.workers.pool import protocol
from sensorium.workers.pool.dispatch import Dispatcher
from sensorium.workers.pool.entries import Entry
from sensorium.workers.pool.lives import Lane, Life
from sensorium.workers.pool.packing import SHARED_FROM, size_of
from sensorium.workers.pool.requests import Inbox, Request
from sensorium.workers.pool.statistics import (
    ModelStatistics,
    PoolStatistics,
    WorkerStatistics,
)
from sensorium.workers.pool.supervisor import Supervisor
from sensorium.workers.pool.transport import Hub

log = logging.getLogger("sensorium.workers")

TOKEN = 16  # bytes; two of lane follow
_Future, _Array = asyncio.Future, np.ndarray


class PoolExecutor(Executor):
    """Hosts models in worker processes. Use it as ``async with PoolExecutor(models) as pool``.

    ``models`` are by the names they are asked for. ``on_event`` is told, on the event loop, of
    :class:`~sensorium.payloads.system.WorkerReady`, ``WorkerLost``, ``WorkerRestarted`` and
    ``RequestRetried``. Processes start with :meth:`start` (or the first request); models are
    loaded by :meth:`load` (or their first request), on every worker that hosts them.

    A request may be computed more than once, when a worker dies over it, but is answered once:
    ``infer`` of a model must be free of effects. What it is given must not be kept: the arrays
    lie in shared memory, which is used again after the answer.
    """

    def __init__(
        self,
        models: Mapping[str, PoolModel],
        options: PoolOptions | None = None,
        *,
        on_event: Callable[[Payload], None] | None = None,
    ) -> None:
        """Raises :class:`SettingsError` when a model names a worker that there is not."""
        self.options = options or PoolOptions()
        workers = self.options.worker_names()
        for name, model in models.items():
            for worker in model.workers:
                if worker not in workers and not self.options.listen:
                    raise SettingsError(
                        f"model {name!r} shall run on worker {worker!r}; there are:"
                        f" {', '.join(workers)}"
                    )
        self._entries = {name: Entry(name, model) for name, model in models.items()}
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._now = time.monotonic
        self._hub: Hub | None = None
        self._supervisor: Supervisor
        self._dispatcher: Dispatcher
        self._closed = False
        self._invalid = 0
        self._foreign = 0
        self._lost = 0
        self._refused = 0

    async def __aenter__(self) -> PoolExecutor:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the processes, without waiting for them."""
        if self._closed:
            raise ModelError("", "the pool is closed")
        if self._hub is None:
            loop = asyncio.get_running_loop()
            if type(loop).time is not asyncio.BaseEventLoop.time:  # that is time.monotonic
                self._now = loop.time
            hub = Hub(self._received)
            try:
                self._dispatcher = Dispatcher(
                    self._send, self._announce, self.options.retries, self._entries.values()
                )
                self._supervisor = Supervisor(
                    self.options, self._entries, hub, self._dispatcher, self._announce
                )
            except BaseException:  # its address is taken, its keys are not there
                hub.close()
                raise
            self._hub = hub
            self._supervisor.start()

    async def load(self, model: str) -> None:
        """Bring the model up on its workers; returns when the first of them is ready."""
        entry = self._find(model)
        await self.start()
        if entry.down:
            self._supervisor.load(entry)
        while not entry.lanes:
            if self._closed:
                raise Cancelled("the pool was closed")
            if not self._supervisor.loading(entry):
                raise self._supervisor.explain(entry)
            entry.changed.clear()
            await entry.changed.wait()

    async def unload(self, model: str) -> None:
        """Let the model go on every worker and give its memory back; what it was sent is done
        first. The next request loads it again."""
        entry = self._find(model)
        if self._hub is None:
            return
        lanes = self._supervisor.unload(entry)
        while any(lane.life.lanes.get(lane.number) is lane for lane in lanes):
            lanes = [lane for lane in lanes if lane.life.token in self._supervisor.lives]
            if not lanes:
                break
            entry.changed.clear()
            await entry.changed.wait()

    async def infer(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> Any:
        """One request, one result."""
        entry = self._entries.get(model) or self._find(model)
        future: asyncio.Future[Any] = _Future()
        spent = deadline is not None and deadline <= 0
        if priority or supersede or spent or CALL.get() or self._closed:
            asked = self._request(entry, request, future, deadline, priority, supersede)
        else:  # as most are: half the price
            nbytes = request.nbytes if request.__class__ is _Array else size_of(request)
            when = None if deadline is None else self._now() + deadline
            asked = Request(
                next(self._numbers), entry, request, nbytes, future, False, when, deadline
            )
        if not entry.lanes:
            await self._load_within(entry, asked)
        self._dispatcher.submit(asked)
        try:
            return await future
        except asyncio.CancelledError:
            self._dispatcher.forget(asked)
            raise

    async def stream(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The parts of one result, made at most 32 ahead of the reader."""
        entry = self._find(model)
        inbox = Inbox()
        asked = self._request(entry, request, inbox, deadline, priority, supersede)
        if not entry.lanes:
            await self._load_within(entry, asked)
        self._dispatcher.submit(asked)
        try:
            while True:
                try:
                    part = await inbox.next()
                except StopAsyncIteration:
                    return
                self._dispatcher.credit(asked, inbox)
                yield part
        finally:
            if not inbox.done():
                self._dispatcher.forget(asked)

    def buffer(
        self, model: str, shape: tuple[int, ...], dtype: DTypeLike = "uint8"
    ) -> NDArray[Any]:
        """An array in the memory shared with the worker that has the least to do for the model;
        an ordinary one if it is small, the model is not loaded, or there is no room.

        :meth:`infer` copies it only if it goes to another worker, or that one has died.
        """
        kind = np.dtype(dtype)
        large = math.prod(shape) * kind.itemsize >= SHARED_FROM and not kind.hasobject
        lanes = self._find(model).lanes if large else []
        if not lanes:
            return np.empty(shape, kind)
        life = min((lane.life for lane in lanes), key=lambda life: life.outstanding)
        lent = life.outbox.lend(shape, kind)
        return np.empty(shape, kind) if lent is None else lent

    @property
    def loaded(self) -> list[str]:
        """Names of the models that take requests."""
        return [name for name, entry in self._entries.items() if entry.lanes]

    async def close(self) -> None:
        """End every worker. Who still waits for an answer gets :class:`Cancelled`."""
        self._closed = True
        if self._hub is None:
            return
        hub, error = self._hub, Cancelled("the pool was closed")
        for entry in self._entries.values():
            self._dispatcher.fail_waiting(entry, error)
            entry.changed.set()
        for life in self._supervisor.lives.values():
            self._dispatcher.fail_sent(life, error)
        self._dispatcher.close()
        try:
            await self._supervisor.close()
        finally:
            self._hub, self._refused = None, hub.gate.refused
            hub.close()

    def statistics(self) -> PoolStatistics:
        """What the pool has done so far, and how it stands."""
        lives = list(self._supervisor.lives.values()) if self._hub is not None else []
        return PoolStatistics(
            {name: _of_model(entry, lives) for name, entry in self._entries.items()},
            [_of_worker(life) for life in lives],
            self._lost,
            self._invalid,
            self._foreign,
            self._refused if self._hub is None else self._hub.gate.refused,
        )

    # --- requests -------------------------------------------------------------------------

    def _request(
        self, entry: Entry, tree: Any, outcome: asyncio.Future[Any] | Inbox,
        deadline: float | None, priority: int, supersede: str,
    ) -> Request:  # fmt: skip
        if self._closed:
            raise ModelError(entry.name, "the pool is closed")
        if deadline is not None and deadline <= 0:  # spent before it was asked
            entry.counts.expired += 1
            raise DeadlineExceeded(entry.name, deadline)
        call = CALL.get()
        entry.traced |= call is not None
        special = priority != 0 or supersede != "" or outcome.__class__ is Inbox
        return Request(
            next(self._numbers),
            entry,
            tree,
            size_of(tree),
            outcome,
            special,
            None if deadline is None else self._now() + deadline,
            deadline,
            priority,
            supersede,
            call,
        )

    async def _load_within(self, entry: Entry, asked: Request) -> None:
        if not entry.down:  # it is on its way back
            return
        try:
            async with asyncio.timeout_at(asked.deadline):
                await self.load(entry.name)
        except TimeoutError:
            raise asked.too_late from None
        if self._closed:
            raise Cancelled("the pool was closed")

    def _find(self, model: str) -> Entry:
        try:
            return self._entries[model]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise ModelError(model, f"is not among the models of this pool: {known}") from None

    # --- messages -------------------------------------------------------------------------

    def _send(self, life: Life, address: bytes, frames: list[protocol.Frame]) -> None:
        self._supervisor.send(life, address, frames)

    def _received(self, frames: list[bytes]) -> None:
        """Hand one message to whom it concerns. Whatever it is, it never raises."""
        identity = frames[0]
        life = self._supervisor.lives.get(identity[:TOKEN])
        if life is None or len(identity) != TOKEN + 2:
            self._foreign += 1
            return
        life.last_heard = asyncio.get_running_loop().time()
        try:
            message = protocol.decode_from_worker(frames[1:])
            self._handle(life, int.from_bytes(identity[TOKEN:], "big"), message, frames[2:])
        except PayloadError as error:
            self._invalid += 1
            log.warning("worker %s sent no valid message: %s", life.name, error)

    def _handle(
        self, life: Life, number: int, message: protocol.FromWorker, inline: list[bytes]
    ) -> None:
        match message:
            case protocol.Results():
                self._dispatcher.results(self._lane(life, number), message, inline)
            case protocol.Part():
                self._dispatcher.part(self._lane(life, number), message, inline)
            case protocol.End():
                self._dispatcher.end(self._lane(life, number), message)
            case protocol.Heartbeat():
                life.rss, life.refused = message.rss, message.refused
            case protocol.Hello():
                self._supervisor.hello(life, message)
            case protocol.Loaded():
                self._supervisor.loaded(self._lane(life, number), message)
            case protocol.LoadFailed():
                self._supervisor.load_failed(self._lane(life, number), message)
            case protocol.Unloaded():
                self._supervisor.unloaded(self._lane(life, number))

    @staticmethod
    def _lane(life: Life, number: int) -> Lane:
        lane = life.lanes.get(number)
        if lane is None:
            raise PayloadError(f"it has no lane {number}")
        return lane

    def _announce(self, payload: Payload) -> None:
        self._lost += isinstance(payload, WorkerLost)
        if self._on_event is not None:
            self._on_event(payload)


def _of_model(entry: Entry, lives: list[Life]) -> ModelStatistics:
    counts = entry.counts
    lanes = [lane for life in lives for lane in life.lanes_of(entry)]
    return ModelStatistics(
        entry.name,
        counts.requests,
        counts.batches,
        counts.batched / counts.batches if counts.batches else 0.0,
        len(entry.queue) + len(entry.suspects),
        sum(lane.outstanding for lane in lanes),
        counts.retries,
        counts.failures,
        counts.expired,
        counts.cancelled,
        counts.superseded,
        counts.late,
        len(entry.lanes),
        sum(lane.memory for lane in lanes),
        dict(counts.sizes),
    )


def _of_worker(life: Life) -> WorkerStatistics:
    if life.standby:
        state = "spare"
    elif life.announced:
        state = "ready"
    else:
        state = "loading" if life.greeted else "starting"
    return WorkerStatistics(
        life.name,
        life.device,
        life.epoch,
        life.process.pid,
        state,
        life.rss,
        life.outstanding,
        life.outbox.in_use,
        life.outbox.refused + life.refused,
    )

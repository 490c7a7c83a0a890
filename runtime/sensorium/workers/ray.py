"""Models on a Ray cluster: the executor for more machines than a pool should look after.

Where an actor runs and that a dead one is replaced is Ray's business. Ours is what every executor
promises: batches made on the caller's side, at most two on their way to an actor; deadlines,
priorities, superseding, cancelling; streams; errors by type. Ray pickles what it carries, so a
cluster is to be trusted as this process is.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

from sensorium.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelError,
    PoisonedRequest,
    WorkerLost,
)
from sensorium.workers.executor import Executor
from sensorium.workers.pool.faults import rebuild
from sensorium.workers.pool.packing import size_of
from sensorium.workers.pool.requests import Deadlines, Inbox, Request, RequestQueue
from sensorium.workers.ray_cluster import Cluster, RayModel, RayOptions

__all__ = ["RayExecutor", "RayModel", "RayOptions"]

log = logging.getLogger("sensorium.workers")

BATCHES_AHEAD = 2
STREAM_AHEAD = 32  # parts a model may be ahead of its reader
LOOK_AGAIN_S = 0.1  # while Ray replaces an actor


@dataclass(eq=False)
class _Copy:
    """One actor of a model."""

    actor: Any
    in_flight: int = 0
    """Batches and streams on their way to it."""


@dataclass(eq=False)
class _Hosted:
    """One model."""

    name: str
    spec: RayModel
    queue: RequestQueue = field(default_factory=RequestQueue)
    suspects: deque[Request] = field(default_factory=deque)
    """What an actor may have died of; tried with an actor to itself."""
    copies: list[_Copy] = field(default_factory=list)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Turn(Inbox):
    """Of a request that streams: the actor on which it may begin."""

    def __init__(self) -> None:
        super().__init__()
        self.copy: asyncio.Future[_Copy] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        return self.copy.done()

    def set_result(self, copy: Any) -> None:
        self.copy.set_result(copy)

    def set_exception(self, error: BaseException) -> None:
        self.copy.set_exception(error)

    def cancel(self) -> None:
        self.copy.cancel()


class RayExecutor(Executor):
    """Hosts models as actors of Ray. Use it as ``async with RayExecutor(models) as executor``.

    Raises :class:`~sensorium.errors.MissingDependency` without Ray. A request may be computed more
    than once, when an actor dies over it, but is answered once.
    """

    def __init__(self, models: Mapping[str, RayModel], options: RayOptions | None = None) -> None:
        self.options = options or RayOptions()
        self._models = {name: _Hosted(name, spec) for name, spec in models.items()}
        self._cluster = Cluster(self.options)
        self._errors: Any = self._cluster.ray.exceptions
        self._numbers = itertools.count(1)
        self._sent: dict[int, tuple[Request, _Copy]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._connected = self._closed = False
        self._deadlines: Deadlines

    async def __aenter__(self) -> RayExecutor:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Connect to the cluster, or start one, which takes seconds."""
        async with self._starting:
            if self._closed:
                raise ModelError("", "the executor is closed")
            if not self._connected:
                self._deadlines = Deadlines(self._open, self._expire)
                await asyncio.to_thread(self._cluster.connect)
                self._connected = True

    async def load(self, model: str) -> None:
        """Have the actors of the model placed, and the model loaded by each."""
        hosted = self._find(model)
        await self.start()
        async with hosted.loading:
            if hosted.copies:
                return
            copies = [
                _Copy(self._cluster.place(model, hosted.spec)) for _ in range(hosted.spec.copies)
            ]
            try:
                async with asyncio.timeout(self.options.load_s):
                    for copy in copies:
                        await self._ready(hosted, copy)
            except BaseException as error:
                self._discard(copies)
                if isinstance(error, TimeoutError):
                    words = f"was not placed and loaded within {self.options.load_s:g} s"
                    raise ModelError(model, f"{words}: has the cluster room for it?") from None
                raise
            hosted.copies = copies
        self._pump(hosted)

    async def _ready(self, hosted: _Hosted, copy: _Copy) -> None:
        """Wait until the actor is up, for the first time or again."""
        while True:
            try:
                _pid, error = await copy.actor.state.remote()
            except self._errors.ActorUnavailableError:
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            except self._errors.RayError as lost:
                raise WorkerLost(hosted.name, "ray", _words(lost)) from lost
            if error is not None:
                raise rebuild(hosted.name, error)
            return

    async def unload(self, model: str) -> None:
        """Let the model go, with its processes; what it was sent is done first."""
        hosted = self._find(model)
        copies, hosted.copies = hosted.copies, []
        with suppress(self._errors.RayError):
            await asyncio.gather(*(copy.actor.unload.remote() for copy in copies))
        self._discard(copies)

    def _discard(self, copies: list[_Copy]) -> None:
        for copy in copies:
            self._cluster.ray.kill(copy.actor)

    @property
    def loaded(self) -> list[str]:
        """Names of the models that take requests."""
        return [name for name, hosted in self._models.items() if hosted.copies]

    async def close(self) -> None:
        """End the actors, and the cluster if it was started here. Who still waits for an answer
        gets :class:`Cancelled`."""
        self._closed = True
        async with self._starting:
            connected, self._connected = self._connected, False
        if connected:
            await self._end_requests()
        await asyncio.to_thread(self._cluster.leave)

    async def _end_requests(self) -> None:
        self._deadlines.look_at(inf)
        for request in self._open():
            request.fail(Cancelled("the executor was closed"))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hosted in self._models.values():
            self._discard(hosted.copies)
            hosted.copies = []

    # --- callers --------------------------------------------------------------------------

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
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asked = await self._ask(model, request, future, deadline, priority, supersede)
        try:
            return await future
        except asyncio.CancelledError:
            asked.abandon()
            self._withdraw(asked)
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
        turn = _Turn()
        asked = await self._ask(model, request, turn, deadline, priority, supersede)
        copy: _Copy | None = None
        try:
            copy = await turn.copy
            parts = copy.actor.stream.options(
                num_returns="streaming", _generator_backpressure_num_objects=STREAM_AHEAD
            ).remote(asked.number, request)
            while True:
                try:
                    async with asyncio.timeout_at(asked.deadline):
                        well, part = await (await anext(parts))
                except StopAsyncIteration:
                    return
                if not well:
                    raise rebuild(model, part)
                yield part
        except TimeoutError:
            raise asked.too_late from None
        except self._errors.RayError as error:
            raise WorkerLost(model, "ray", _words(error)) from error
        finally:
            asked.abandon()
            self._withdraw(asked)
            if copy is not None:
                self._done(self._models[model], copy, [asked])

    async def _ask(
        self, model: str, tree: Any, outcome: asyncio.Future[Any] | Inbox,
        deadline: float | None, priority: int, supersede: str,
    ) -> Request:  # fmt: skip
        hosted, loop = self._find(model), asyncio.get_running_loop()
        if deadline is not None and deadline <= 0:
            raise DeadlineExceeded(model, deadline)
        limit = None if deadline is None else loop.time() + deadline
        if not hosted.copies:
            try:
                async with asyncio.timeout_at(limit):
                    await self.load(model)
            except TimeoutError:
                raise DeadlineExceeded(model, deadline or 0.0) from None
        if self._closed:
            raise ModelError(model, "the executor is closed")
        special = bool(priority or supersede or isinstance(outcome, Inbox))
        entry: Any = hosted  # it has a name, which is all that a request asks of it
        asked = Request(
            next(self._numbers), entry, tree, size_of(tree), outcome, special, limit, deadline,
            priority, supersede,
        )  # fmt: skip
        if limit is not None and limit < self._deadlines.next:
            self._deadlines.look_at(limit)
        hosted.queue.push(asked)
        loop.call_soon(self._pump, hosted)
        return asked

    def _find(self, model: str) -> _Hosted:
        try:
            return self._models[model]
        except KeyError:
            known = ", ".join(sorted(self._models))
            raise ModelError(model, f"is not among the models on Ray: {known}") from None

    # --- batches --------------------------------------------------------------------------

    def _pump(self, hosted: _Hosted) -> None:
        """Send what waits, as far as actors have room. A suspect is sent to one that is idle, and
        nothing else is until then."""
        while (hosted.queue or hosted.suspects) and hosted.copies and not self._closed:
            copy = min(hosted.copies, key=lambda copy: copy.in_flight)
            if copy.in_flight >= (1 if hosted.suspects else BATCHES_AHEAD):
                return
            if hosted.suspects:
                batch = [hosted.suspects.popleft()]
            else:
                batch = hosted.queue.take(hosted.spec.max_batch, hosted.spec.max_batch_bytes)
            batch = [request for request in batch if not request.done]
            if not batch:
                continue
            copy.in_flight += 1
            self._sent.update({request.number: (request, copy) for request in batch})
            if batch[0].streams:
                batch[0].outcome.set_result(copy)  # its reader goes on
                continue
            task = asyncio.create_task(self._run(hosted, copy, batch), name=f"ray-{hosted.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, hosted: _Hosted, copy: _Copy, batch: list[Request]) -> None:
        numbers, trees = [request.number for request in batch], [request.tree for request in batch]
        try:
            results = await copy.actor.infer.remote(numbers, trees)
            for request, (well, what) in zip(batch, results, strict=True):
                if well:
                    request.answer(what)
                else:
                    request.fail(rebuild(hosted.name, what))
        except self._errors.RayActorError as error:
            await self._lost(hosted, copy, batch, error)
        except Exception as error:  # noqa: BLE001 - what Ray cannot carry or do
            if len(batch) == 1:
                batch[0].fail(ModelError(hosted.name, f"Ray could not do it: {_words(error)}"))
            else:
                hosted.suspects.extend(batch)  # one of them
        finally:
            self._done(hosted, copy, batch)

    def _done(self, hosted: _Hosted, copy: _Copy, batch: list[Request]) -> None:
        copy.in_flight -= 1
        for request in batch:
            self._sent.pop(request.number, None)
        self._pump(hosted)

    async def _lost(
        self, hosted: _Hosted, copy: _Copy, batch: list[Request], error: Exception
    ) -> None:
        """An actor has died: try again one by one, once Ray has replaced it."""
        log.warning("an actor of %r was lost: %s", hosted.name, _words(error))
        alone = len(batch) == 1 and copy.in_flight == 1
        for request in batch:
            request.lost += 1
            request.lonely_deaths += alone
            if request.lonely_deaths > self.options.retries:
                request.fail(PoisonedRequest(hosted.name, request.number, request.lonely_deaths))
        try:
            async with asyncio.timeout(self.options.load_s):
                await self._ready(hosted, copy)
        except (ModelError, TimeoutError) as gone:
            if copy in hosted.copies:
                hosted.copies.remove(copy)
            if not hosted.copies:
                for request in (*batch, *hosted.suspects, *hosted.queue.drain()):
                    request.fail(WorkerLost(hosted.name, "ray", str(gone) or "not replaced"))
                return
        hosted.suspects.extend(request for request in batch if not request.done)

    # --- ends -----------------------------------------------------------------------------

    def _open(self) -> list[Request]:
        held = [(*hosted.queue.held(), *hosted.suspects) for hosted in self._models.values()]
        return [request for one in held for request in one] + [r for r, _ in self._sent.values()]

    def _expire(self, request: Request) -> None:
        request.fail(request.too_late)
        self._withdraw(request)
        asyncio.get_running_loop().call_later(self.options.grace_s, self._end_hung, request)

    def _end_hung(self, request: Request) -> None:
        """Its actor is still busy with it long after its deadline: let Ray replace it."""
        if request.number in self._sent and not self._closed:
            self._cluster.ray.kill(self._sent[request.number][1].actor, no_restart=False)

    def _withdraw(self, request: Request) -> None:
        hosted: Any = request.entry
        if request.waiting:
            hosted.queue.discard(request)
        elif request.number in self._sent and not self._closed:
            _, copy = self._sent[request.number]
            copy.actor.cancel.remote(request.number)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__

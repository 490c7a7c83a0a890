"""Requests on the caller's side: from the call until it is answered, and the order they go in."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sensorium.errors import Cancelled
from sensorium.workers.pool.protocol import Packed

if TYPE_CHECKING:
    from sensorium.workers.pool.lives import Life

STREAM_AHEAD = 32  # parts a model may be ahead of the reader of its stream
_CREDIT_STEP = STREAM_AHEAD // 2


@dataclass(slots=True, eq=False)
class Request:
    """One call of a caller. It is answered or failed exactly once; what comes later is dropped."""

    number: int
    packed: Packed
    outcome: asyncio.Future[Any] | Inbox
    priority: int = 0
    supersede: str = ""
    deadline: float | None = None
    """On the event loop's clock."""
    seconds: float = 0.0
    """The deadline as the caller gave it."""
    timer: asyncio.TimerHandle | None = None
    attempts: int = 0
    """How often it was sent."""
    lonely_deaths: int = 0
    """How many workers died while running it and nothing else."""
    waiting: bool = False
    """Whether it is in a queue."""
    life: Life | None = None
    """The one it was sent to, while it is under way."""

    @property
    def done(self) -> bool:
        """Whether its caller has an answer, or has gone."""
        return self.outcome.done()

    @property
    def streams(self) -> bool:
        """Whether it is answered in parts."""
        return isinstance(self.outcome, Inbox)

    def answer(self, result: Any) -> None:
        """Give the caller the result, or (of a stream) the end."""
        if not self.outcome.done():
            self.outcome.set_result(result)
        if self.timer is not None:
            self._forget()

    def fail(self, error: BaseException) -> None:
        """Give the caller the error."""
        if not self.done:
            self.outcome.set_exception(error)
        self._forget()

    def abandon(self) -> None:
        """The caller has gone."""
        self.outcome.cancel()
        self._forget()

    def budget_ms(self, now: float) -> int:
        """Milliseconds to the deadline, at least one; -1 without a deadline."""
        return -1 if self.deadline is None else max(1, int((self.deadline - now) * 1000))

    def _forget(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Inbox:
    """The parts of a stream that have arrived. Bounded by the credit that it gives."""

    def __init__(self) -> None:
        self.begun = False
        """Whether a part has arrived: from then on it cannot be started anew."""
        self._parts: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._read = 0

    def put(self, part: Any) -> None:
        """The next part has arrived."""
        if not self._ended:
            self.begun = True
            self._parts.append(part)
            self._wake()

    def done(self) -> bool:
        """Whether no more parts are taken."""
        return self._ended

    def set_result(self, _: Any) -> None:
        """The stream has come to its end."""
        self._ended = True
        self._wake()

    def set_exception(self, error: BaseException) -> None:
        """The stream has failed; what has arrived can still be read."""
        self._error = error
        self.set_result(None)

    def cancel(self) -> None:
        """The reader has gone."""
        self._parts.clear()
        self._ended = True

    async def next(self) -> Any:
        """The next part. Raises StopAsyncIteration at the end, or the stream's error."""
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._read += 1
        return self._parts.popleft()

    def take_credit(self) -> int:
        """How many more parts may be sent, in steps so that not each part costs a message."""
        if self._read < _CREDIT_STEP or self._ended:
            return 0
        credit, self._read = self._read, 0
        return credit

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@dataclass
class RequestQueue:
    """Requests of one model that wait to be sent: by priority, then in the order of the calls."""

    _heap: list[tuple[int, int, Request]] = field(default_factory=list)
    _newest: dict[str, Request] = field(default_factory=dict)
    _gone: int = 0

    def push(self, request: Request) -> Request | None:
        """Add one. Returns the request whose place it takes, or itself if it is outdated."""
        request.waiting = True
        outdated = None
        if request.supersede:
            held = self._newest.get(request.supersede)
            if held is not None and held.number > request.number:  # it was sent once, and lost
                request.waiting = False
                request.fail(Cancelled("a newer request has taken its place"))
                return request
            outdated = held
            self._newest[request.supersede] = request
        heapq.heappush(self._heap, (-request.priority, request.number, request))
        if outdated is not None:
            outdated.fail(Cancelled("a newer request has taken its place before it was sent"))
            self.discard(outdated)
        return outdated

    def discard(self, request: Request) -> None:
        """Forget one that is done."""
        if not request.waiting:
            return
        request.waiting = False
        self._forget_key(request)
        self._gone += 1
        if self._gone > 64 and self._gone > len(self._heap) // 2:  # what is done takes no memory
            self._heap = [entry for entry in self._heap if entry[2].waiting]
            heapq.heapify(self._heap)
            self._gone = 0

    def take(self, most: int, most_bytes: int) -> list[Request]:
        """The next batch: a run of plain requests, or one that streams; empty if none waits."""
        batch: list[Request] = []
        size = 0
        while self._heap and len(batch) < most:
            request = self._heap[0][2]
            if not request.waiting:
                heapq.heappop(self._heap)
                self._gone -= 1
                continue
            size += request.packed.nbytes
            if batch and (request.streams or size > most_bytes):
                break
            heapq.heappop(self._heap)
            request.waiting = False
            if request.supersede:
                self._forget_key(request)
            batch.append(request)
            if request.streams:
                break
        return batch

    def drain(self) -> list[Request]:
        """Take them all."""
        waiting = [entry[2] for entry in sorted(self._heap) if entry[2].waiting]
        for request in waiting:
            request.waiting = False
        self._heap.clear()
        self._newest.clear()
        self._gone = 0
        return waiting

    def __len__(self) -> int:
        return len(self._heap) - self._gone

    def _forget_key(self, request: Request) -> None:
        if self._newest.get(request.supersede) is request:
            del self._newest[request.supersede]

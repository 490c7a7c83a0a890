"""Requests on the caller's side: from the call until it is answered, and the order they go in."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Callable
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sensorium.errors import Cancelled, DeadlineExceeded

if TYPE_CHECKING:
    from sensorium.telemetry.context import Call
    from sensorium.workers.pool.entries import Entry
    from sensorium.workers.pool.lives import Life

STREAM_AHEAD = 32  # parts a model may be ahead of the reader of its stream
_CREDIT_STEP = STREAM_AHEAD // 2
_LOOK_SHARE = 20  # looking for deadlines that have passed takes a twentieth of the time at most


class Request(Struct, eq=False):
    """One call of a caller. It is answered or failed exactly once; what comes later is dropped."""

    number: int
    entry: Entry
    """Its model."""
    tree: Any
    """What the model is given; None once nobody waits for an answer."""
    nbytes: int
    """Its size, about."""
    outcome: asyncio.Future[Any] | Inbox
    special: bool = False
    """Whether it has a priority or a key, or streams."""
    deadline: float | None = None
    """On the event loop's clock."""
    seconds: float | None = None
    """The deadline as the caller gave it."""
    priority: int = 0
    supersede: str = ""
    call: Call | None = None
    """The span of the call, where it is traced."""
    lost: int = 0
    """How often it was sent to a worker that died."""
    lonely_deaths: int = 0
    """How many workers died while running it and nothing else."""
    waiting: bool = False
    """Whether it is in a queue."""
    life: Life | None = None
    """Of one that streams: where it was sent last."""

    @property
    def too_late(self) -> DeadlineExceeded:
        """What its caller is told when the deadline has passed."""
        return DeadlineExceeded(self.entry.name, self.seconds or 0.0)

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
        self.tree = None

    def fail(self, error: BaseException) -> None:
        """Give the caller the error."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
        self.tree = None

    def abandon(self) -> None:
        """The caller has gone."""
        self.outcome.cancel()
        self.tree = None

    def budget_ms(self, now: float) -> int:
        """Milliseconds to the deadline, at least one; -1 without a deadline."""
        return -1 if self.deadline is None else max(1, int((self.deadline - now) * 1000))


class Deadlines:
    """Says of each request when its deadline has passed. One timer for all of them, at the
    earliest deadline: it looks at whatever waits for an answer then, so that the many requests
    that are answered long before cost nothing."""

    def __init__(
        self, open_requests: Callable[[], list[Request]], expire: Callable[[Request], None]
    ) -> None:
        self._open_requests = open_requests
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.next = inf
        """When it looks next."""

    def look_at(self, when: float) -> None:
        """Look then; at ``inf``, never."""
        if self._timer is not None:
            self._timer.cancel()
        self.next = when
        self._timer = None if when == inf else self._loop.call_at(when, self._look)

    def _look(self) -> None:
        now, earliest = self._loop.time(), inf
        for request in self._open_requests():
            if request.deadline is None or request.outcome.done():
                continue
            if request.deadline <= now:
                self._expire(request)
            else:
                earliest = min(earliest, request.deadline)
        spent = self._loop.time() - now  # of thousands, each with a moment of its own
        self.look_at(max(earliest, now + _LOOK_SHARE * spent))


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


_number, _nbytes = attrgetter("number"), attrgetter("nbytes")


class RequestQueue:
    """Requests of one model that wait to be sent: by priority, then in the order of the calls."""

    def __init__(self) -> None:
        self.usual: deque[Request] = deque()
        """Those of priority 0, by number; who asks for nothing special is appended. What was
        discarded stands there until its turn comes."""
        self._lines: dict[int, deque[Request]] = {0: self.usual}
        """All of them, by priority."""
        self._newest: dict[str, Request] = {}
        """By key."""
        self._special = 0
        """Those that wait and have another priority, a key, or stream."""
        self._gone = 0
        """Those in the lines that were discarded."""

    def push(self, request: Request) -> Request | None:
        """Add one. Returns the request whose place it takes."""
        request.waiting = True
        if not request.special:
            self.usual.append(request)
            return None
        self._special += 1
        self._line(request.priority).append(request)
        outdated = None
        if request.supersede:
            outdated = self._newest.get(request.supersede)
            self._newest[request.supersede] = request
        if outdated is not None:
            outdated.fail(Cancelled("a newer request has taken its place before it was sent"))
            self.discard(outdated)
        return outdated

    def put_back(self, request: Request) -> bool:
        """Add one that was taken before. False if a newer one has taken its place: it fails."""
        if request.supersede:
            newest = self._newest.get(request.supersede)
            if newest is not None and newest.number > request.number:
                request.fail(Cancelled("a newer request has taken its place"))
                return False
            self._newest[request.supersede] = request
        request.waiting = True
        self._special += request.special
        insort(self._line(request.priority), request, key=_number)
        return True

    def discard(self, request: Request) -> None:
        """Forget one that is done."""
        if not request.waiting:
            return
        self._leave(request)
        self._gone += 1
        if self._gone > 64 and self._gone > len(self):  # what is done takes no memory
            self._gone = 0
            for line in list(self._lines.values()):
                waiting = [held for held in line if held.waiting]
                line.clear()
                line.extend(waiting)

    def take(self, most: int, most_bytes: int) -> list[Request]:
        """The next batch: a run of plain requests, or one that streams; empty if none waits."""
        if not self._special and not self._gone:
            batch = self._take_usual(most)
            if sum(map(_nbytes, batch)) <= most_bytes:
                for request in batch:
                    request.waiting = False
                return batch
            self.usual.extendleft(reversed(batch))
        return self._take_carefully(most, most_bytes)

    def held(self) -> list[Request]:
        """All that wait."""
        lines = [self._lines[priority] for priority in sorted(self._lines, reverse=True)]
        return [held for line in lines for held in line if held.waiting]

    def drain(self) -> list[Request]:
        """Take them all."""
        waiting = self.held()
        for request in waiting:
            request.waiting = False
        self.usual.clear()
        self._lines = {0: self.usual}
        self._newest.clear()
        self._special = self._gone = 0
        return waiting

    def __len__(self) -> int:
        count = len(self.usual) - self._gone
        if len(self._lines) > 1:
            count += sum(len(line) for priority, line in self._lines.items() if priority)
        return count

    def _line(self, priority: int) -> deque[Request]:
        line = self._lines.get(priority)
        if line is None:
            line = self._lines[priority] = deque()
        return line

    def _take_usual(self, most: int) -> list[Request]:
        usual = self.usual
        if len(usual) > most:
            return [usual.popleft() for _ in range(most)]
        batch = list(usual)
        usual.clear()
        return batch

    def _take_carefully(self, most: int, most_bytes: int) -> list[Request]:
        batch: list[Request] = []
        size = 0
        for priority in sorted(self._lines, reverse=True):
            line = self._lines[priority]
            while line and len(batch) < most:
                request = line[0]
                if not request.waiting:
                    line.popleft()
                    self._gone -= 1
                    continue
                size += request.nbytes
                if batch and (request.streams or size > most_bytes):
                    return batch
                line.popleft()
                self._leave(request)
                batch.append(request)
                if request.streams:
                    return batch
            if line:
                return batch
            if priority:
                del self._lines[priority]
        return batch

    def _leave(self, request: Request) -> None:
        request.waiting = False
        self._special -= request.special
        if request.supersede and self._newest.get(request.supersede) is request:
            del self._newest[request.supersede]

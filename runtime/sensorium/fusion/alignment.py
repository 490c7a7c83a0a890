"""Runs a join inside a component: its deadlines on the session's clock, its reports, its order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from sensorium.components import Context
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.fusion.aligned import Aligned
from sensorium.fusion.join import Join
from sensorium.fusion.plan import JoinPlan
from sensorium.payloads.fusion import FusionStatistics, StreamState

REPORT_S = 10.0


class Alignment:
    """Hands the sets of a join to ``deliver``, one after the other and in order.

    Make it in a component's ``setup``. What ``deliver`` raises is raised by the :meth:`push` that
    made the set; where time made it, the component fails with it.
    """

    def __init__(
        self,
        plan: JoinPlan,
        context: Context,
        deliver: Callable[[Aligned], Awaitable[None]],
        *,
        report_s: float = REPORT_S,
    ) -> None:
        self.join = Join(plan, context.clock.now())
        self._context = context
        self._clock = context.clock
        self._deliver = deliver
        self._report_s = report_s
        self._index = {name: number for number, name in enumerate(plan.names)}
        self._ready: deque[Aligned] = deque()
        self._delivering = asyncio.Lock()
        self._alarms: set[int] = set()  # times (ns) at which somebody wakes to look
        self._ends: dict[str, int] = {}  # streams that end at a time (ns) if they stay silent
        self._reporting = False
        self._reported = 0

    @property
    def unfinished(self) -> bool:
        """Whether sets wait that will be given out as time passes."""
        return bool(self._ready or (self.join.pending and self._next() is not None))

    async def push(self, stream: str, event: AnyEvent) -> None:
        """An event of the stream of that name has come."""
        self._ends.pop(stream, None)
        await self._hand_out(self.join.push(self._index[stream], event, self._clock.now()))
        self._report_later()

    async def end(self, stream: str, after_s: float = 0.0) -> None:
        """The stream has ended, unless an event comes within ``after_s`` (session's clock)."""
        now = self._clock.now()
        if after_s > 0:
            self._ends[stream] = now + round(after_s * NS_PER_S)
            self._watch()
        else:
            await self._hand_out(self.join.end(self._index[stream], now))

    async def begin_again(self, stream: str) -> None:
        """The stream's source has a new life, and perhaps other times."""
        await self._hand_out(self.join.begin_again(self._index[stream], self._clock.now()))

    async def close(self) -> None:
        """Say how it went."""
        await self._report()

    # --- in order -----------------------------------------------------------------------------

    async def _hand_out(self, released: Sequence[Aligned]) -> None:
        self._ready.extend(released)
        if self.join.notices:
            await self._announce_notices()
        while self._ready:
            async with self._delivering:
                if self._ready:
                    await self._deliver(self._ready.popleft())
        self._watch()

    async def _announce_notices(self) -> None:
        notices, self.join.notices = self.join.notices, []
        for told in notices:
            state = StreamState(
                self._context.name,
                told.stream,
                told.state,
                round(told.silent / NS_PER_S, 3),
                told.waiting,
            )
            self._context.log.info(
                "stream %s %s: silent for %.1f s, %d waiting",
                told.stream, told.state, state.silent_s, told.waiting,
            )  # fmt: skip
            await self._context.announce(state)

    # --- in time ------------------------------------------------------------------------------

    def _next(self) -> int | None:
        """When something is due (ns)."""
        due = [*self._ends.values()]
        if (deadline := self.join.deadline) is not None:
            due.append(deadline)
        return min(due, default=None)

    def _watch(self) -> None:
        """See to it that somebody wakes when something is due."""
        when = self._next()
        if when is not None and when < min(self._alarms, default=when + 1):
            self._alarms.add(when)
            self._context.spawn(self._wake_at(when), name="join deadline")

    async def _wake_at(self, when: int) -> None:
        try:
            await self._clock.sleep_until(when)
        finally:
            self._alarms.discard(when)
        now = self._clock.now()
        released: list[Aligned] = []
        for stream in [name for name, at in self._ends.items() if at <= now]:
            del self._ends[stream]
            released += self.join.end(self._index[stream], now)
        released += self.join.flush(now)
        await self._hand_out(released)

    # --- in public ----------------------------------------------------------------------------

    def _report_later(self) -> None:
        if self._report_s and not self._reporting:
            self._reporting = True
            self._context.spawn(self._report_soon(), name="join report")

    async def _report_soon(self) -> None:
        try:
            await self._clock.sleep(self._report_s, background=True)
        finally:
            self._reporting = False
        await self._report()

    async def _report(self) -> None:
        counts = self.join.statistics()
        total = counts.received + sum(stream.received for stream in counts.streams.values())
        if not self._report_s or total == self._reported:
            return
        self._reported = total
        primaries = asdict(counts)
        outcomes, streams = primaries.pop("outcomes"), primaries.pop("streams")
        states = {name: stream.pop("state") for name, stream in streams.items()}
        statistics = FusionStatistics(self._context.name, primaries, outcomes, streams, states)
        await self._context.announce(statistics)

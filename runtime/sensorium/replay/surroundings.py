"""What a replay lends its components: the recorded time, answers and order of events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from sensorium.bus import Merged, Subscription
from sensorium.clocks import Clock
from sensorium.errors import BusClosed
from sensorium.events import AnyEvent
from sensorium.replay.comparison import Comparison
from sensorium.replay.models import ReplayedModel
from sensorium.replay.options import ReplayOptions
from sensorium.replay.script import Role, Script, Turn
from sensorium.replay.turns import Turns, done
from sensorium.session.surroundings import Mailbox, Surroundings
from sensorium.workers.executor import ModelHandle


class ReplaySurroundings(Surroundings):
    """Lends each component what its role says."""

    def __init__(
        self,
        turns: Turns,
        models: Mapping[str, ModelHandle],
        script: Script,
        comparison: Comparison,
        options: ReplayOptions,
    ) -> None:
        super().__init__(turns.clock, models)
        self._turns = turns
        self._script = script
        self._comparison = comparison
        self._options = options
        self._lent: dict[str, dict[str, ModelHandle]] = {}

    def clock_of(self, component: str) -> Clock:
        """The virtual clock, telling the recorded times."""
        return _ReplayedClock(self._turns, self._role(component))

    def models_of(self, component: str) -> Mapping[str, ModelHandle]:
        """The models, giving the recorded answers."""
        if component not in self._lent:
            role = self._role(component)
            self._lent[component] = {
                name: ReplayedModel(
                    handle, self._turns, component, role, self._comparison, self._options
                )
                for name, handle in self._models.items()
            }
        return self._lent[component]

    def mailbox_of(self, component: str, subscriptions: Sequence[Subscription]) -> Mailbox:
        """A mailbox that hands out the recorded events at the recorded times."""
        return _ScriptedMailbox(subscriptions, self._turns, self._role(component))

    def _role(self, component: str) -> Role:
        return self._script.roles.get(component) or Role()


class _ReplayedClock(Clock):
    """Tells the times that were told; where they are used up, the virtual time."""

    def __init__(self, turns: Turns, role: Role) -> None:
        reads, virtual = role.reads, turns.clock.now

        def now() -> int:
            told = None if role.off else reads.take(done())
            return virtual() if told is None else told

        self.now = now
        self._turns = turns
        self._role = role

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        """Wake when the component woke in the recording: a little late, or never."""
        sleeps = self._role.sleeps.get(when)
        if not sleeps:  # it never slept until then
            await self._turns.clock.sleep_until(when, background=background)
            return
        woken = sleeps.popleft()
        if not woken:  # it was cancelled in its sleep
            await asyncio.get_running_loop().create_future()
        await self._turns.come(woken[0], self._role)

    def hold(self) -> AbstractContextManager[None]:
        return self._turns.clock.hold()


class _ScriptedMailbox:
    """Hands events out as recorded, until what there is differs from the recording."""

    def __init__(self, subscriptions: Sequence[Subscription], turns: Turns, role: Role) -> None:
        self._subscriptions = subscriptions
        self._mailbox = Merged(subscriptions)
        self._turns = turns
        self._role = role
        self._waiting: asyncio.Future[None] | None = None
        self._stopped = False
        ageing = {n for n, one in enumerate(subscriptions) if one.policy.max_age_ms is not None}
        # Of inputs that leave out what is old: the events that were taken.
        self._to_come: dict[int, deque[str]] = {index: deque() for index in ageing}
        for _, take in role.takes:
            if take.input in ageing:
                self._to_come[take.input].append(take.event)

    def stop(self) -> None:
        """Make :meth:`get` raise BusClosed."""
        self._stopped = True
        self._mailbox.stop()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> tuple[int, AnyEvent]:
        """The next event of the script, in its turn; off the script, the next there is."""
        role = self._role
        while role.seen and not role.off:
            self._leave_out()
            if not role.takes:  # it never took another one
                await self._wait(asyncio.get_running_loop().create_future())
            turn, take = role.takes[0]
            await self._wait_for(turn)
            self._leave_out()
            fits = take.input < len(self._subscriptions)
            event = self._subscriptions[take.input].take(take.event) if fits else None
            role.takes.popleft()
            if event is None:
                role.off = True
                break
            if take.input in self._to_come:
                self._to_come[take.input].popleft()
            return take.input, event
        return await self._mailbox.get()

    def _leave_out(self) -> None:
        """Whatever waits before the next one that was taken was too old when it was its turn."""
        for index, events in self._to_come.items():
            self._subscriptions[index].leave_out_before(events[0] if events else "")

    def _look_again(self, _: object = None) -> None:
        """Leave out what is too old as soon as it comes, too: somebody may wait for the room."""
        if self._to_come and self._waiting is not None and not self._waiting.done():
            self._leave_out()
            came = asyncio.get_running_loop().create_future()
            came.add_done_callback(self._look_again)
            self._looks_on(came)

    def _looks_on(self, came: asyncio.Future[None] | None) -> None:
        for index in self._to_come:
            self._subscriptions[index].share_reader(None)
            if came is not None:
                self._subscriptions[index].share_reader(came)

    async def _wait_for(self, turn: Turn) -> None:
        if not self._stopped and not self._turns.is_now(turn, self._role):
            await self._wait(self._turns.future(turn))
            self._turns.passed(turn, self._role)
        if self._stopped:
            raise BusClosed("reading was stopped")

    async def _wait(self, what: asyncio.Future[None]) -> None:
        """Wait in this very task: whoever woke in a task of its own would come later."""
        self._waiting = what
        self._look_again()
        try:
            await what
        finally:
            self._looks_on(None)
        if self._stopped:
            raise BusClosed("reading was stopped")

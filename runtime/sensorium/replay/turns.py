"""Turns: everything that a recording has happens again in its order."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from sensorium.clocks import VirtualClock
from sensorium.replay.script import Role, Script, Turn

_done: ContextVar[int] = ContextVar("_done", default=-1)


def done() -> int:
    """Rank of what the running task of a component has done last, or of what the task that
    spawned it had done by then; -1 if nothing."""
    return _done.get()


class Turns:
    """Hands out the turns of a script on a virtual clock."""

    def __init__(self, clock: VirtualClock, script: Script) -> None:
        self.clock = clock
        self._script = script

    async def come(self, turn: Turn, role: Role | None = None) -> None:
        """Wait until its turn has come; for ``role``, if it is something that a component does."""
        await self.future(turn)
        self.passed(turn, role)

    async def come_to_publish(self, turn: Turn, role: Role | None = None) -> None:
        """:meth:`come`, and after what others of its step, who woke with it, publish before."""
        await self.future(turn)
        if not self._script.is_next(turn.rank):
            await self.clock.in_turn(*turn)
        self.passed(turn, role)

    def future(self, turn: Turn) -> asyncio.Future[None]:
        """What :meth:`come` waits for; then :meth:`passed` has to be called."""
        return self.clock.turn(*turn, self._script.step(turn.rank))

    async def come_soon(self, turn: Turn, role: Role) -> None:
        """:meth:`come`, but at once where it is its turn now."""
        if not self.is_now(turn, role):
            await self.come_to_publish(turn, role)

    def is_now(self, turn: Turn, role: Role) -> bool:
        """Whether nothing is between now and its turn, which then has passed.

        Nobody else runs. So a component that did not wait in the recording does not wait in the
        replay either, and its own tasks run in the same order.
        """
        if not (self._script.is_next(turn.rank) and self.clock.skip_to(*turn)):
            return False
        self.passed(turn, role)
        return True

    def passed(self, turn: Turn, role: Role | None) -> None:
        """Its turn has come."""
        if turn.rank < self._script.length:
            self._script.happened(turn.rank)
        if role is not None:
            _done.set(turn.rank)

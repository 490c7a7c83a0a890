"""The ledger: who wanted to do what, whether it began, and how it ended.

An effect is anything that cannot be taken back by forgetting it: a lamp switched, a sentence
spoken, a tool called. Each has an id, and an id is done at most once: through interruption, through
the restart of its component and, with a journal, through the end of the process. What was begun
and not seen to end is ``unknown``, and is not done again unless it is idempotent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, Protocol

from sensorium.clocks import Clock
from sensorium.effects.journal import Journal
from sensorium.errors import EffectRefused
from sensorium.events import AnyEvent
from sensorium.payloads.acting import Effect

Outcome = Literal["done", "failed", "cancelled", "unknown"]
_OVER = ("done", "failed", "cancelled", "unknown")
_AGAIN = ("failed", "cancelled", "unknown")  # states from which an idempotent effect is tried again


class _Publish(Protocol):
    def __call__(
        self, effect: Effect, cause: AnyEvent | None, source: str = ""
    ) -> Awaitable[object]: ...


class Ledger:
    """Every effect of a session. ``publish`` makes an entry known."""

    def __init__(
        self,
        clock: Clock,
        publish: _Publish,
        *,
        remember: int = 65_536,
        journal: Journal | None = None,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._remember = remember
        self._journal = journal
        self._entries: OrderedDict[str, Effect] = OrderedDict()

    @property
    def entries(self) -> list[Effect]:
        """The newest entry of each effect that is remembered, oldest first."""
        return list(self._entries.values())

    async def open(self) -> None:
        """Read the journal. What an earlier session began and did not end becomes unknown.

        Raises :class:`BadInput` when the journal cannot be read, or another session writes it.
        """
        if self._journal is None:
            return
        for entry in await asyncio.to_thread(self._journal.open, self._remember):
            self._entries[entry.effect_id] = entry
        for entry in self.entries:
            if entry.state == "started":
                ended = self._ended(
                    entry, "unknown", "the session that began it ended before it did", self._clock
                )
                await self._write(ended)
                await self._publish(ended, None, "session")

    async def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)

    async def begin(
        self,
        component: str,
        effect_id: str,
        name: str,
        request: dict[str, Any],
        *,
        idempotent: bool = False,
        cause: AnyEvent | None = None,
        clock: Clock | None = None,
    ) -> Effect:
        """Write down that the effect is wanted, and then that it begins; returns its entry.

        Raises :class:`EffectRefused` when an effect of this id was asked for before: unless it
        was not done, and is ``idempotent``. Times are those of ``clock``, the component's own.
        """
        clock = clock or self._clock
        held = self._entries.get(effect_id)
        if held is not None and not (idempotent and held.state in _AGAIN):
            raise EffectRefused(effect_id, held.state, held.detail)
        entry = Effect(effect_id, component, name, request, "requested", clock.now())
        self._hold(entry)
        try:
            await self._publish(entry, cause)
            entry = replace(entry, state="started", started_at=clock.now())
            self._hold(entry)
            await self._write(entry)
            await self._publish(entry, cause)
        except Exception as error:
            await self._end(entry, "failed", f"it was not begun: {error}", clock, cause)
            raise
        except BaseException:
            stopped = self._end(entry, "cancelled", "stopped before it began", clock, cause)
            await asyncio.shield(stopped)
            raise
        return entry

    async def end(
        self,
        effect_id: str,
        outcome: Outcome,
        detail: str = "",
        *,
        cause: AnyEvent | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Write down how an effect ended. One that has ended stays as it is."""
        entry = self._entries.get(effect_id)
        if entry is not None and entry.state not in _OVER:
            await self._end(entry, outcome, detail, clock, cause)

    async def abandon(self, component: str, clock: Clock | None = None) -> None:
        """The component is gone: what it had begun and not ended is unknown."""
        for entry in self.entries:
            if entry.component == component and entry.state not in _OVER:
                await self._end(entry, "unknown", "its component ended before it did", clock)

    async def _end(
        self,
        entry: Effect,
        outcome: Outcome,
        detail: str,
        clock: Clock | None,
        cause: AnyEvent | None = None,
    ) -> None:
        ended = self._ended(entry, outcome, detail, clock or self._clock)
        try:
            await self._write(ended)
        finally:
            await self._publish(ended, cause)

    def _ended(self, entry: Effect, outcome: Outcome, detail: str, clock: Clock) -> Effect:
        ended = replace(entry, state=outcome, ended_at=clock.now(), detail=detail)
        self._hold(ended)
        return ended

    def _hold(self, entry: Effect) -> None:
        self._entries[entry.effect_id] = entry
        self._entries.move_to_end(entry.effect_id)
        while len(self._entries) > self._remember:
            ended = (name for name, one in self._entries.items() if one.state in _OVER)
            oldest = next(ended, None)
            if oldest is None:  # all are under way: none may be forgotten
                return
            del self._entries[oldest]

    async def _write(self, entry: Effect) -> None:
        if self._journal is not None:
            with self._clock.hold():  # the disk's time is not the agent's
                writing = asyncio.ensure_future(asyncio.to_thread(self._journal.write, entry))
                try:
                    await asyncio.shield(writing)
                except asyncio.CancelledError:  # a line that is begun comes before the next one
                    await asyncio.wait([writing])
                    raise


class OpenEffect:
    """An effect that is under way. Say what became of it with :attr:`outcome`, or :meth:`end`."""

    def __init__(
        self, ledger: Ledger, entry: Effect, cause: AnyEvent | None, clock: Clock | None = None
    ) -> None:
        self.effect_id = entry.effect_id
        self.outcome: Outcome = "done"
        """How it ends when the block does."""
        self.detail = ""
        self._ledger = ledger
        self._cause = cause
        self._clock = clock

    async def end(self, outcome: Outcome, detail: str = "") -> None:
        """It ended so; an end that was written down before stays."""
        await self._ledger.end(
            self.effect_id, outcome, detail, cause=self._cause, clock=self._clock
        )


class Effects:
    """The ledger as one component has it: ``context.effects``."""

    def __init__(self, ledger: Ledger, component: str, clock: Clock | None = None) -> None:
        self._ledger = ledger
        self._component = component
        self._clock = clock

    @property
    def entries(self) -> list[Effect]:
        """The newest entry of each effect of any component that is remembered, oldest first."""
        return self._ledger.entries

    async def begin(
        self,
        effect_id: str,
        name: str,
        request: dict[str, Any],
        *,
        idempotent: bool = False,
        cause: AnyEvent | None = None,
    ) -> OpenEffect:
        """Begin what no single block spans; end it with :meth:`OpenEffect.end`.

        What is not ended when the component ends is unknown. Otherwise as :meth:`perform`.
        """
        entry = await self._ledger.begin(
            self._component,
            effect_id,
            name,
            request,
            idempotent=idempotent,
            cause=cause,
            clock=self._clock,
        )
        return OpenEffect(self._ledger, entry, cause, self._clock)

    @asynccontextmanager
    async def perform(
        self,
        effect_id: str,
        name: str,
        request: dict[str, Any],
        *,
        idempotent: bool = False,
        stoppable: bool = False,
        cause: AnyEvent | None = None,
    ) -> AsyncIterator[OpenEffect]:
        """Do something to the world inside this block, at most once for each ``effect_id``.

        ::

            async with self.context.effects.perform(action.action_id, action.name, {}) as effect:
                effect.detail = await switch()

        The block's end ends the effect: as ``effect.outcome`` says, as failed when it raises, and
        when it is cancelled as unknown, or as cancelled if it is ``stoppable``: if stopping it
        leaves no doubt about what happened. ``cause`` is the event that asked for it.

        Raises :class:`EffectRefused` instead of entering when an effect of this id was asked for
        before: unless it was not done, and is ``idempotent``.
        """
        effect = await self.begin(effect_id, name, request, idempotent=idempotent, cause=cause)
        try:
            yield effect
        except Exception as error:
            outcome: Outcome = "failed" if effect.outcome == "done" else effect.outcome
            why = f"{type(error).__name__}: {error}"
            await effect.end(outcome, why)
            raise
        except BaseException:
            outcome = "cancelled" if stoppable else "unknown"
            await asyncio.shield(effect.end(outcome, effect.detail or "stopped"))
            raise
        await effect.end(effect.outcome, effect.detail)

"""The bus of a replay: what components publish goes out when the recording says it did."""

from __future__ import annotations

import itertools
from itertools import islice

from sensorium.bus import EventBus
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.recording.digest import event_digest
from sensorium.replay.comparison import Comparison
from sensorium.replay.inputs import RecordedInput
from sensorium.replay.script import Expected, Script
from sensorium.replay.turns import Turns

TRIED = 16  # recorded events that one with a changed payload is compared with


class ReplayBus(EventBus):
    """Gives each event that a component publishes its recorded time and sequence number.

    An event that the recording does not have goes out at once and is counted as a divergence.
    """

    def __init__(self, turns: Turns, script: Script, comparison: Comparison) -> None:
        super().__init__(turns.clock)
        self.over = False
        """Set at the end of the replay: what is published then is of no interest."""
        self._turns = turns
        self._script = script
        self._comparison = comparison
        for name, role in script.roles.items():
            self._counters[name] = itertools.count(role.next_sequence).__next__

    async def publish(
        self,
        topic: str,
        payload: Payload,
        *,
        source: str = "",
        originating_time: int | None = None,
        root: str = "",
        parents: tuple[str, ...] = (),
    ) -> AnyEvent:
        """Publish when the recording did, or now if it did not."""
        now = self._now()
        own: AnyEvent = Event(topic, payload, now, now, source, 0, root, parents)
        if self.over:
            return own
        role = self._script.roles.get(source)
        alike = () if role is None else role.alike(topic, payload.type_name, parents)
        candidates = list(islice(alike, TRIED))
        if role is None or not candidates:
            event = self._stamped(own, originating_time, now, self._count(source))
            self._comparison.add_extra(event)
            if role is not None:
                role.off = True
        else:
            event, digest, expected = self._matching(own, originating_time, candidates)
            role.expected.remove(expected)
            await self._turns.come_soon(expected.turn, role)
            self._comparison.add(event, digest, expected)
        await self.deliver(event)
        return event

    async def feed(self, given: RecordedInput) -> None:
        """Publish a recorded input in its turn.

        Full mailboxes take it in when they can, and keep no other input waiting.
        """
        await self._turns.come_to_publish(given.turn)
        self._comparison.add_input(given)
        self._offer(given.event)

    def _matching(
        self, own: AnyEvent, originating_time: int | None, alike: list[Expected]
    ) -> tuple[AnyEvent, str, Expected]:
        """The event as the first of ``alike`` that it equals, or as the first of all."""
        first: tuple[AnyEvent, str, Expected] | None = None
        for expected in alike:
            event = self._stamped(own, originating_time, expected.at, expected.sequence)
            found = event, event_digest(event), expected
            if found[1] == expected.digest:
                return found
            first = first or found
        assert first is not None
        return first

    def _stamped(
        self, own: AnyEvent, originating_time: int | None, at: int, sequence: int
    ) -> AnyEvent:
        origin = at if originating_time is None else originating_time
        return Event(
            own.topic, own.payload, origin, at, own.source, sequence, own.root, own.parents
        )

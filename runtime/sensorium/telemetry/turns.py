"""Where the time of a turn goes: captured, heard, understood, planned, first sound, finished.

Each step is an event that the agent publishes anyway. The parts are whole ns, each counted from
the step before, so that their sum is the whole, exactly.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sensorium.bus import EventBus, Merged
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BusClosed
from sensorium.events import AnyEvent
from sensorium.payloads import (
    ComponentFailed,
    FirstSound,
    GroundedTurn,
    Reply,
    ReplyPart,
    SpeechDone,
    Text,
    Transcript,
    TurnTiming,
    UserTurn,
)
from sensorium.telemetry.histogram import Histogram

TOPIC = "telemetry/turn"
PARTS = ("heard", "understood", "planned", "first_sound", "finished")
"""Names of the parts, in their order; a turn has those of them that happened."""
PATTERNS = ("chat/+", "reply/+", "speech/transcript", "speech/done", "speech/first_sound",
            "system/component_failed")  # fmt: skip
OPEN_TURNS = 64  # turns under way that are remembered; an older one is given up
REMEMBERED = 4 * OPEN_TURNS  # events

_T = TypeVar("_T")


@dataclass
class _Turn:
    """One turn under way. Times are ns on the session's clock."""

    id: str
    text: str
    spoken: bool
    captured: int
    steps: dict[str, int] = field(default_factory=dict)
    outcome: str = "done"

    def step(self, name: str, at: int) -> None:
        self.steps.setdefault(name, at)

    def timing(self) -> TurnTiming:
        """Each step from the one before; a step that is out of order took no time."""
        parts: dict[str, int] = {}
        before = self.captured
        for name in PARTS:
            at = self.steps.get(name)
            if at is not None:
                parts[name] = max(0, at - before)
                before = max(before, at)
        return TurnTiming(self.id, self.text, self.spoken, self.captured, parts, self.outcome)


class TurnTimer:
    """Follows the turns of a session and publishes a :class:`TurnTiming` after each.

    ``speaks()`` says whether a component will say when a reply has been spoken.
    """

    def __init__(self, bus: EventBus, speaks: Callable[[], bool], keep: int) -> None:
        self.last: deque[TurnTiming] = deque(maxlen=keep)
        """The last turns, the newest last."""
        self.outcomes: dict[str, int] = {}
        self.parts = {name: Histogram() for name in PARTS}
        self.whole = Histogram()
        self._bus = bus
        self._speaks = speaks
        self._turns: OrderedDict[str, _Turn] = OrderedDict()  # by the turn's id
        self._heard: OrderedDict[str, tuple[int, int]] = OrderedDict()  # captured, heard, by event
        self._of: OrderedDict[str, str] = OrderedDict()  # the turn that an event belongs to
        self._lost: OrderedDict[str, int] = OrderedDict()  # when a component failed at an event

    async def run(self) -> None:
        """Follow the turns until the bus closes."""
        policy = DeliveryPolicy.drop_oldest(256)
        mailboxes = [
            self._bus.subscribe(pattern, policy, name=f"telemetry {pattern}")
            for pattern in PATTERNS
        ]
        try:
            mailbox = Merged(mailboxes)
            while True:
                _, event = await mailbox.get()
                ended = self._note(event)
                if ended is not None:
                    await self._publish(ended, event)
        except BusClosed:
            return
        finally:
            for subscription in mailboxes:
                subscription.close()

    async def _publish(self, turn: _Turn, last: AnyEvent) -> None:
        timing = turn.timing()
        self.last.append(timing)
        self.outcomes[turn.outcome] = self.outcomes.get(turn.outcome, 0) + 1
        for name, took in timing.parts.items():
            self.parts[name].record(took)
        self.whole.record(timing.whole)
        await self._bus.publish(
            TOPIC, timing, source="telemetry", originating_time=turn.captured,
            root=last.trace_id, parents=(last.id,),
        )  # fmt: skip

    def _note(self, event: AnyEvent) -> _Turn | None:
        """Write a step down; returns the turn if that was its last."""
        now = event.creation_time
        match event.payload:
            case Text():
                self._remember(event.id, min(event.originating_time, now), now)
            case Transcript(_, _, end_time):
                self._remember(event.id, min(end_time, now), now)
            case UserTurn():
                return self._begin(event)
            case GroundedTurn() if (turn := self._turn_of(event)) is not None:
                turn.step("understood", now)
                return self._belongs(event.id, turn)
            case ReplyPart(asked, _) if (turn := self._turn_of(event, asked)) is not None:
                turn.step("planned", now)
            case FirstSound(asked) if (turn := self._turn_of(event, asked)) is not None:
                turn.step("first_sound", now)
            case Reply(asked, _, finished) if (turn := self._turn_of(event, asked)) is not None:
                turn.outcome = "done" if finished else "interrupted"
                turn.steps["finished"] = now
                return None if self._speaks() else self._end(turn)
            case SpeechDone(asked) if (turn := self._turn_of(event, asked)) is not None:
                turn.steps["finished"] = now
                return self._end(turn)
            case ComponentFailed() if event.payload.event:
                return self._failed(event.payload.event, now)
            case _:
                pass
        return None

    def _begin(self, event: AnyEvent) -> _Turn | None:
        now = event.creation_time
        known = [self._heard[parent] for parent in event.parents if parent in self._heard]
        captured, heard = max(known, default=(min(event.originating_time, now), now))
        turn = _Turn(event.id, event.payload.text, event.payload.spoken, captured)
        turn.step("heard", heard)
        self._turns[event.id] = turn
        if len(self._turns) > OPEN_TURNS:
            self._turns.popitem(last=False)
        return self._belongs(event.id, turn)

    def _failed(self, event: str, at: int) -> _Turn | None:
        """A component failed at ``event``: the end of its turn, if no word has been said yet."""
        # The news of a failure jumps the queue: it may come before the event that it is about.
        _keep(self._lost, event, at)
        turn = self._turns.get(self._of.get(event, ""))
        if turn is None or "planned" in turn.steps:
            return None
        turn.outcome = "failed"
        turn.steps["finished"] = at
        return self._end(turn)

    def _end(self, turn: _Turn) -> _Turn:
        return self._turns.pop(turn.id)

    def _turn_of(self, event: AnyEvent, asked: str = "") -> _Turn | None:
        for held in (asked, *event.parents):
            turn = self._turns.get(self._of.get(held, ""))
            if turn is not None:
                return turn
        return None

    def _remember(self, event: str, captured: int, heard: int) -> None:
        _keep(self._heard, event, (captured, heard))

    def _belongs(self, event: str, turn: _Turn) -> _Turn | None:
        """The event is one of that turn; returns the turn if a component failed at it."""
        _keep(self._of, event, turn.id)
        return self._failed(event, self._lost[event]) if event in self._lost else None


def _keep(held: OrderedDict[str, _T], key: str, value: _T) -> None:
    held[key] = value
    if len(held) > REMEMBERED:
        held.popitem(last=False)

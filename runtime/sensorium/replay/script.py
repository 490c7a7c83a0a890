"""The script of a replay: what the recording says that each component did, and when.

Each thing that happened has a *rank*, its place in the order of the file. Things of one instant
happen in the order of their ranks, so that a replay is the same even where time stood still, as
it does in a simulation, or where the machine's clock was set back.
"""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sensorium.clocks import NO_STEP
from sensorium.events import AnyEvent, Event
from sensorium.payloads.system import ComponentEnded
from sensorium.recording.digest import event_digest
from sensorium.recording.reader import PassedOver
from sensorium.replay.floors import Floors
from sensorium.replay.reads import Reads
from sensorium.trace import ClockRead, ModelAsked, ModelCall, Sleep, Stopped, Taken, TraceRecord


class Turn(NamedTuple):
    """When something happens in a replay."""

    due: int
    """ns on the virtual clock, which never goes back: at the recorded time, or after."""
    rank: int


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that a component published in the recording, without its payload."""

    turn: Turn
    topic: str
    type_name: str
    at: int
    """Its creation time (ns)."""
    sequence: int
    parents: tuple[str, ...]
    digest: str


@dataclass(slots=True)
class Call:
    """What a component asked a model, and what came of it."""

    number: int
    request: str
    parts: list[tuple[Turn, Any]] = field(default_factory=list)
    outcome: str = ""
    """done, failed or cancelled; empty where the recording does not have its end."""
    end: Turn | None = None
    error: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Role:
    """What one component did."""

    expected: deque[Expected] = field(default_factory=deque)
    """What it published, in order, as far as it has not been published again."""
    takes: deque[tuple[Turn, Taken]] = field(default_factory=deque)
    """What it took, in order."""
    reads: Reads = field(default_factory=Reads)
    """What its clock told it."""
    sleeps: dict[int, deque[list[Turn]]] = field(default_factory=lambda: defaultdict(deque))
    """By the time that it slept until, in the order of going to sleep: when it woke, if it did."""
    calls: dict[str, deque[Call]] = field(default_factory=lambda: defaultdict(deque))
    """Of each model, in the order they began."""
    next_sequence: int = 0
    """Of an event that the recording does not have."""
    stopped: Turn | None = None
    """When the session made it end."""
    over: int | None = None
    """Rank of its end: whatever has its name later is another component."""
    seen: bool = False
    """Whether the recording has it at all."""
    off: bool = False
    """Whether it has done something that it did not do then: from there on it takes what comes."""

    def alike(self, topic: str, type_name: str, parents: tuple[str, ...]) -> Iterable[Expected]:
        """The events that are still to come on this topic and of these parents, in order."""
        wanted = (topic, type_name, parents)
        return (one for one in self.expected if (one.topic, one.type_name, one.parents) == wanted)


class Script:
    """The roles of the components that are played anew, and the span of the recording."""

    def __init__(
        self, records: Iterable[AnyEvent | TraceRecord | PassedOver], components: Iterable[str]
    ) -> None:
        self.roles: dict[str, Role] = {name: Role() for name in components}
        self.began: int | None = None
        """Time of the first thing that happened (ns); None in an empty recording."""
        self.ended = 0
        """Time of the last thing that happened (ns)."""
        self.length = 0
        """Events and records."""
        self._floors = Floors()
        self._steps = array("q")  # by rank
        self._step, self._since = NO_STEP, 0  # of the last trace record, and its rank
        self._due = bytearray()  # by rank: 1 where a replay waits for its turn
        self._next = 0  # no rank before it is due
        self._sleeping: dict[tuple[str, int], list[Turn]] = {}
        self._calls: dict[tuple[str, str, int], Call] = {}
        for record in records:
            if isinstance(record, PassedOver):
                self._reach(record.began)
                self._reach(record.ended)
                self._due.extend(b"\1" * record.count)
                self._steps.extend([NO_STEP] * record.count)
                self.length += record.count
            else:
                self._due.append(0)
                self._steps.append(NO_STEP)
                self._take_in(self.length, record)
                self.length += 1
        self._sleeping.clear()
        self._calls.clear()

    def plays(self, rank: int, event: AnyEvent) -> bool:
        """Whether the event's source is played anew; if not, the event is an input."""
        role = self.roles.get(event.source)
        return role is not None and (role.over is None or rank < role.over)

    def turn(self, rank: int, at: int) -> Turn:
        """The turn of what happened at ``at`` (ns)."""
        return Turn(self._floors.lift(rank, at), rank)

    def step(self, rank: int) -> int:
        """Which step it is of (:class:`sensorium.trace.Steps`)."""
        return self._steps[rank] if rank < self.length else NO_STEP

    def happened(self, rank: int) -> None:
        """It has happened again."""
        self._due[rank] = 0

    def is_next(self, rank: int) -> bool:
        """Whether everything before it has happened again."""
        self._next = self._due.find(1, self._next)
        return self._next == rank

    # --- reading the recording -------------------------------------------------------------------

    def _take_in(self, rank: int, record: AnyEvent | TraceRecord) -> None:
        if isinstance(record, Event):
            self._take_in_event(rank, record)
            return
        at = record.ended if isinstance(record, ModelCall) else record.at
        self._reach(at)
        if not isinstance(record, ClockRead):
            self._take_in_step(rank, record.step)
        role = self.roles.get(record.component)
        if role is None or role.over is not None:
            return
        role.seen = True
        turn = self.turn(rank, at)
        match record:
            case Taken():
                role.takes.append((turn, record))
                self._due[rank] = 1
            case ClockRead():
                role.reads.add(rank, at)
            case Sleep():
                self._take_in_sleep(role, turn, record)
            case Stopped():
                role.stopped = turn
                self._due[rank] = 1
            case ModelCall():
                self._take_in_call(role, turn, record)

    def _take_in_step(self, rank: int, step: int) -> None:
        self._steps[rank] = step
        if step == NO_STEP:
            return
        if step == self._step:  # and so is what was published between
            for between in range(self._since + 1, rank):
                self._steps[between] = step
        self._step, self._since = step, rank

    def _take_in_sleep(self, role: Role, turn: Turn, sleep: Sleep) -> None:
        key = (sleep.component, sleep.number)
        if sleep.woke:
            self._sleeping.pop(key, []).append(turn)
            self._due[turn.rank] = 1
        else:
            woken = self._sleeping[key] = list[Turn]()
            role.sleeps[sleep.due].append(woken)

    def _take_in_call(self, role: Role, turn: Turn, record: ModelCall) -> None:
        if isinstance(record, ModelAsked):  # not out of a file
            record = record.digested()
        key = (record.component, record.model, record.number)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = Call(record.number, record.request)
            role.calls[record.model].append(call)
        call.parts += [(turn, part.value) for part in record.parts]
        if record.outcome in ("done", "failed", "cancelled"):
            call.outcome, call.end, call.error = record.outcome, turn, record.error
            del self._calls[key]
        if record.outcome not in ("begun", "cancelled"):
            self._due[turn.rank] = 1

    def _take_in_event(self, rank: int, event: AnyEvent) -> None:
        at = event.creation_time
        self._reach(at)
        self._due[rank] = 1
        if isinstance(event.payload, ComponentEnded) and event.source == "session":
            ended = self.roles.get(event.payload.component)
            if ended is not None and ended.over is None:
                ended.over = rank
        role = self.roles.get(event.source)
        if role is None or role.over is not None:
            return
        role.seen = True
        role.next_sequence = max(role.next_sequence, event.sequence + 1)
        role.expected.append(
            Expected(
                self.turn(rank, at),
                event.topic,
                event.payload.type_name,
                at,
                event.sequence,
                event.parents,
                event_digest(event),
            )
        )

    def _reach(self, at: int) -> None:
        if self.began is None:
            self.began = self.ended = at
        if at < self.ended:
            self._floors.raise_to(self.length, self.ended)
        self.ended = max(self.ended, at)

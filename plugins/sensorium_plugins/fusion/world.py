"""World state: the latest percepts with their ages, and turns grounded in them."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Fuser, Input, Output
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import (
    Classes,
    Detections,
    GroundedTurn,
    Percept,
    TextLines,
    Transcript,
    UserTurn,
    WorldState,
)


class WorldOptions(ComponentOptions):
    """Options of :class:`World`."""

    forget_s: float = 60.0
    """Percepts older than this are forgotten."""
    hearing: int = 8
    """How many of the last things heard are remembered."""
    wait_s: float = 15.0
    """How long a turn waits for percepts made on demand (reading) before it goes without."""


class World(Fuser):
    """Keeps, for every source and kind, the newest percepts, and hands them out with each turn."""

    Options = WorldOptions
    takes = {
        "objects": Input("vision/objects", Detections),
        "faces": Input("vision/faces", Detections),
        "classes": Input("vision/classes", Classes),
        "text": Input("vision/text", TextLines),
        "transcript": Input("speech/transcript", Transcript),
        "turn": Input("chat/turn", UserTurn),
    }
    gives = {
        "state": Output("world/state", WorldState),
        "grounded": Output("chat/grounded", GroundedTurn),
    }

    async def setup(self) -> None:
        """Nothing is known yet."""
        self._known: dict[tuple[str, str], tuple[Percept, ...]] = {}
        self._heard: list[Percept] = []
        self._waiting: dict[str, tuple[AnyEvent, Emit]] = {}  # turns by id

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Take a percept in, or ground a turn."""
        if isinstance(event.payload, UserTurn):
            await self._ground(event, emit)
            return
        self._take_in(event)
        await emit(self._state(event.creation_time))
        if isinstance(event.payload, TextLines):
            for parent in event.parents:
                if parent in self._waiting:
                    await self._release(parent, missing=())

    def _take_in(self, event: AnyEvent) -> None:
        origin = event.trace_id.rsplit("#", 1)[0]
        time = event.originating_time
        match event.payload:
            case Detections(labels, scores, boxes):
                kind = (
                    "face" if set(labels) == {"face"} or event.topic.endswith("faces") else "seen"
                )
                found = tuple(
                    Percept(kind, label, score, origin, time, tuple(float(x) for x in box))  # type: ignore[arg-type]
                    for label, score, box in zip(labels, scores, boxes, strict=True)
                )
                self._learn(origin, kind, found, time)
            case Classes(labels, scores):
                named = tuple(
                    Percept("class", label, score, origin, time)
                    for label, score in zip(labels, scores, strict=True)
                )
                self._learn(origin, "class", named, time)
            case TextLines(lines, scores, _):
                read = tuple(
                    Percept("read", line, score, origin, time)
                    for line, score in zip(lines, scores, strict=True)
                )
                self._learn(origin, "read", read, time)
            case Transcript(text, confidence, _):
                heard = Percept("heard", text, confidence, origin, time)
                self._heard = [*self._heard, heard][-self.options.hearing :]
            case _:
                pass

    def _learn(self, origin: str, kind: str, percepts: tuple[Percept, ...], time: int) -> None:
        """A newer look replaces an older one; a late one changes nothing."""
        held = self._known.get((origin, kind), ())
        if not held or held[0].originating_time <= time:
            self._known[(origin, kind)] = percepts

    def _state(self, now: int) -> WorldState:
        """What is known at ``now`` (ns)."""
        oldest = now - round(self.options.forget_s * NS_PER_S)
        known = [p for percepts in self._known.values() for p in percepts]
        known += self._heard
        return WorldState(tuple(p for p in known if p.originating_time >= oldest))

    async def _ground(self, event: AnyEvent, emit: Emit) -> None:
        if event.payload.spoken:  # a question is no news of the world, though it was heard
            self._heard = [p for p in self._heard if p.text not in event.payload.text]
        self._waiting[event.id] = (event, emit)
        if not event.payload.needs:
            await self._release(event.id, missing=())
            return
        self.context.spawn(
            self._give_up_later(event.id, event.payload.needs), name="wait for needs"
        )

    async def _give_up_later(self, turn: str, needs: tuple[str, ...]) -> None:
        await self.context.clock.sleep(self.options.wait_s)
        if turn in self._waiting:
            await self._release(turn, missing=needs)

    async def _release(self, turn_id: str, missing: tuple[str, ...]) -> None:
        event, emit = self._waiting.pop(turn_id)
        state = self._state(self.context.clock.now())
        await emit(GroundedTurn(event.payload, state, missing))

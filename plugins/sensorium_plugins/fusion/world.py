"""World state: the latest percepts with their ages, and turns grounded in them."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Fuser, Input, Output
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import (
    Classes,
    ComponentFailed,
    ComponentReady,
    Detections,
    GroundedTurn,
    Interrupted,
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
        "heard": Input("world/heard", Transcript),
        "turn": Input("chat/turn", UserTurn),
        "ready": Input("system/component_ready", ComponentReady),
        "failed": Input("system/component_failed", ComponentFailed),
        "interrupted": Input("system/interrupted", Interrupted),
    }
    gives = {
        "state": Output("world/state", WorldState),
        "grounded": Output("chat/grounded", GroundedTurn),
    }

    async def setup(self) -> None:
        """Nothing is known yet."""
        self._known: dict[tuple[str, str], tuple[Percept, ...]] = {}
        self._looked: dict[tuple[str, str], int] = {}  # originating time of the newest look
        self._heard: list[Percept] = []
        self._waiting: dict[str, tuple[AnyEvent, Emit]] = {}  # turns by id

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Take a percept in, or ground a turn."""
        match event.payload:
            case UserTurn():
                await self._ground(event, emit)
            case Interrupted():  # nobody wants the answer any more
                self._waiting.clear()
            case ComponentFailed():  # what a turn waits for will not come
                await self._release(event.payload.event, met=False)
            case ComponentReady(source):  # a new life; its times may begin before the old one's
                self._looked = {key: t for key, t in self._looked.items() if key[0] != source}
            case _:
                self._take_in(event)
                await emit(self._state(event.creation_time))
                if isinstance(event.payload, TextLines):
                    for parent in event.parents:
                        await self._release(parent)

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
        key = (origin, kind)
        if self._looked.get(key, time) <= time:
            self._known[key], self._looked[key] = percepts, time

    def _state(self, now: int) -> WorldState:
        """What is known at ``now`` (ns)."""
        oldest = now - round(self.options.forget_s * NS_PER_S)
        known = [p for percepts in self._known.values() for p in percepts]
        known += self._heard
        return WorldState(tuple(p for p in known if p.originating_time >= oldest))

    async def _ground(self, event: AnyEvent, emit: Emit) -> None:
        if event.payload.spoken:  # a question is no news of the world, though it was heard
            self._forget_said(event.payload.text)
        self._waiting[event.id] = (event, emit)
        if not event.payload.needs:
            await self._release(event.id)
            return
        self.context.spawn(self._give_up_later(event.id), name="wait for needs")

    def _forget_said(self, question: str) -> None:
        """Take back the utterances, one or several, that ``question`` is made of."""
        while self._heard and question.endswith(self._heard[-1].text):
            question = question.removesuffix(self._heard.pop().text).rstrip()

    async def _give_up_later(self, turn: str) -> None:
        await self.context.clock.sleep(self.options.wait_s)
        await self._release(turn, met=False)

    async def _release(self, turn: str, *, met: bool = True) -> None:
        """Hand out the turn of that id, if it waits."""
        if turn not in self._waiting:
            return
        event, emit = self._waiting.pop(turn)
        state = self._state(self.context.clock.now())
        await emit(GroundedTurn(event.payload, state, () if met else event.payload.needs))

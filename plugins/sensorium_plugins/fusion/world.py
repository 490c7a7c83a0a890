"""World state: the latest percepts with their ages, and turns grounded in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from sensorium import ComponentOptions, Emit, Fuser, Input, Output
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.fusion import Aligned, Alignment, Match, With, join
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
from sensorium_plugins.fusion.looks import Look, look_of, seen_during

LOOKING = ("objects", "faces", "classes")
TURN = "turn"


class WorldOptions(ComponentOptions):
    """Options of :class:`World`."""

    forget_s: float = 60.0
    """Percepts older than this are forgotten."""
    hearing: int = 8
    """How many of the last things heard are remembered."""
    wait_s: float = Field(30.0, gt=0)
    """How long a turn waits for percepts made on demand before it goes without (what fails is not
    waited for). A page takes up to 25 s on two cores."""
    look_wait_ms: float = Field(150.0, ge=0)
    """How long a spoken turn waits for looks at what was to be seen while it was said."""
    blind_s: float = Field(2.0, gt=0)
    """A camera that gives nothing for this long is not waited for at all."""
    seen_share: float = Field(0.25, ge=0, le=1)
    """What was seen in fewer of the looks during an utterance is left out as flicker."""


@dataclass(eq=False)
class _Turn:
    """A turn that is not grounded yet."""

    event: AnyEvent
    emit: Emit
    missing: tuple[str, ...] | None
    """Needs that nobody met; None while they are waited for."""
    aligned: Aligned | None = None
    """What was seen while it was said."""
    looking: bool = False
    """Whether ``aligned`` is still to come."""


class World(Fuser):
    """Keeps, for every source and kind, the newest percepts, and hands them out with each turn.

    A turn that was spoken is joined with what was seen while it was spoken: by the time that the
    words are recognised, the picture may be another.
    """

    Options = WorldOptions
    takes = {
        "objects": Input("vision/objects", Detections),
        "faces": Input("vision/faces", Detections),
        "classes": Input("vision/classes", Classes),
        "text": Input("vision/text", TextLines),
        "answer": Input("vision/answer", Detections),
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
        self._known: dict[tuple[str, str], Look] = {}
        self._heard: list[Percept] = []
        self._waiting: dict[str, _Turn] = {}  # turns by id
        look = With(match=Match.WINDOW, keep_s=self.options.forget_s, stall_s=self.options.blind_s)
        joining = join(
            TURN,
            dict.fromkeys(LOOKING, look),
            mode="available",
            in_order=False,  # a question is answered, however long it took to be understood
            wait_ms=self.options.look_wait_ms,
        )
        self._alignment = Alignment(joining.plan(), self.context, self._seen_while_said)

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Take a percept in, or ground a turn."""
        match event.payload:
            case UserTurn():
                await self._ground(event, emit)
            case Interrupted():  # nobody wants the answer any more
                self._waiting.clear()
                self._alignment.join.cancel()
            case ComponentFailed():  # what a turn waits for will not come
                await self._needs_met(event.payload.event, met=False)
            case ComponentReady(source):  # a new life; its times may begin before the old one's
                for look in self._known.values():
                    if look.origin == source:
                        look.outdated = True
            case Transcript():
                self._hear(event)
                await emit(self._state(event.creation_time))
            case _:
                await self._look(event, emit)

    async def close(self) -> None:
        """Report how turns and looks were joined."""
        alignment = getattr(self, "_alignment", None)
        if alignment is not None:
            await alignment.close()

    # --- what is known ------------------------------------------------------------------------

    def _hear(self, event: AnyEvent) -> None:
        said = event.payload
        heard = Percept("heard", said.text, said.confidence, _origin(event), event.originating_time)
        self._heard = [*self._heard, heard][-self.options.hearing :]

    async def _look(self, event: AnyEvent, emit: Emit) -> None:
        """A newer look replaces an older one; a late one changes nothing."""
        look = look_of(self.came_by, event, _origin(event))
        held = self._known.get(look.key)
        if held is None or held.outdated or held.time <= look.time:
            self._known[look.key] = look
        if self.came_by in LOOKING:
            await self._alignment.push(self.came_by, event)
        await emit(self._state(event.creation_time))
        if self.came_by in ("text", "answer"):  # made on demand
            for parent in event.parents:
                await self._needs_met(parent)

    def _state(self, now: int, during: dict[tuple[str, str], Look] | None = None) -> WorldState:
        """What is known at ``now`` (ns); ``during`` stands in for the latest looks."""
        oldest = now - round(self.options.forget_s * NS_PER_S)
        looks = self._known | (during or {})
        known = [percept for look in looks.values() for percept in look.percepts]
        known += self._heard
        return WorldState(tuple(p for p in known if p.originating_time >= oldest))

    # --- turns --------------------------------------------------------------------------------

    async def _ground(self, event: AnyEvent, emit: Emit) -> None:
        turn = event.payload
        if turn.spoken:  # a question is no news of the world, though it was heard
            self._forget_said(turn.text)
        span = turn.spoken and turn.end_time > 0
        missing = None if turn.needs else ()
        self._waiting[event.id] = _Turn(event, emit, missing, looking=span)
        if turn.needs:
            self.context.spawn(self._give_up_later(event.id), name="wait for needs")
        if span:
            await self._alignment.push(TURN, event)
        else:
            await self._release(event.id)

    def _forget_said(self, question: str) -> None:
        """Take back the utterances, one or several, that ``question`` is made of."""
        while self._heard and question.endswith(self._heard[-1].text):
            question = question.removesuffix(self._heard.pop().text).rstrip()

    async def _seen_while_said(self, aligned: Aligned) -> None:
        waiting = self._waiting.get(aligned.primary.id)
        if waiting is not None:
            waiting.aligned, waiting.looking = aligned, False
            await self._release(aligned.primary.id)

    async def _give_up_later(self, turn: str) -> None:
        await self.context.clock.sleep(self.options.wait_s)
        await self._needs_met(turn, met=False)

    async def _needs_met(self, turn: str, *, met: bool = True) -> None:
        waiting = self._waiting.get(turn)
        if waiting is not None:
            waiting.missing = () if met else waiting.event.payload.needs
            await self._release(turn)

    async def _release(self, turn: str) -> None:
        """Hand out the turn of that id, if it waits for nothing any more."""
        waiting = self._waiting[turn]
        if waiting.looking or waiting.missing is None:
            return
        del self._waiting[turn]
        during, looks = self._looks_of(waiting.aligned)
        state = self._state(self.context.clock.now(), during)
        said = waiting.event
        grounded = GroundedTurn(said.payload, state, waiting.missing, said.id)
        await waiting.emit(grounded, parents=(waiting.event, *looks))

    def _looks_of(
        self, aligned: Aligned | None
    ) -> tuple[dict[tuple[str, str], Look], tuple[AnyEvent, ...]]:
        """What was seen while a turn was spoken, and the events that say so."""
        if aligned is None:
            return {}, ()
        looks = [
            look_of(name, event, _origin(event))
            for name in LOOKING
            for event in aligned.members(name)
        ]
        return seen_during(looks, self.options.seen_share), aligned.events[1:]


def _origin(event: Any) -> str:
    """The source at the head of its chain: the camera, the microphone."""
    origin: str = event.trace_id.rsplit("#", 1)[0]
    return origin

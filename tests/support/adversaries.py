"""Components made to be hard to replay."""

from __future__ import annotations

import asyncio
from typing import Any

from sensorium.components import Component, Fuser, Input, Output, Perceiver, Planner, Source
from sensorium.delivery import DeliveryPolicy
from sensorium.payloads import Text
from sensorium.session import Session

MS = 0.001


class Ticker(Source):
    count = 40
    pause = 1.0
    gives = {"text": Output("tick", Text)}

    async def run(self, emit: Any) -> None:
        for number in range(self.count):
            await emit(Text(f"tick {number}"))
            await self.context.clock.sleep(self.pause * MS)


class Emits(Perceiver):
    takes = {"text": Input("tick", Text)}
    gives = {"text": Output("{name}", Text)}

    async def say(self, text: str) -> None:
        now = self.context.clock.now()
        await self.context.emit(Text(f"{text} at {now}"), originating_time=now, parents=())


class Restarts(Emits):
    """Fails at every fifth event, and is restarted with back-off."""

    async def process(self, event: Any, emit: Any) -> None:
        if event.payload.text.endswith(("5", "9")):
            raise RuntimeError("no luck")
        await emit(Text(f"{event.payload.text} {self.context.clock.now()}"))


class TimesOut(Emits):
    """Some of what it does takes longer than it may; the limit is read next to an emit."""

    async def process(self, event: Any, emit: Any) -> None:
        number = int(event.payload.text.split()[-1])
        try:
            async with self.context.clock.timeout(2 * MS):
                await emit(Text("begun"))
                began = self.context.clock.now()
                await self.context.clock.sleep((number % 4) * MS)
                await emit(Text(f"done {began} {self.context.clock.now()}"))
        except TimeoutError:
            await emit(Text(f"too late {self.context.clock.now()}"))


class Queues(Emits):
    """Tasks of its own hand one another work; several publish on one topic, with no parents."""

    async def setup(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue(3)
        for number in range(3):
            self.context.spawn(self._work(number), name=f"worker {number}")

    async def process(self, event: Any, emit: Any) -> None:
        await self.queue.put(event.payload.text)

    async def _work(self, number: int) -> None:
        while True:
            text = await self.queue.get()
            await self.context.clock.sleep((number + 1) * 0.7 * MS)
            await asyncio.gather(self.say(f"{number} a {text}"), self.say(f"{number} b {text}"))


class Yields(Emits):
    """Two tasks that wake together; the first to wake publishes last."""

    async def setup(self) -> None:
        self.woken = [asyncio.Event(), asyncio.Event()]
        for number, turns in enumerate((5, 0)):
            self.context.spawn(self._work(number, turns), name=f"worker {number}")

    async def process(self, event: Any, emit: Any) -> None:
        for woken in self.woken:
            woken.set()

    async def _work(self, number: int, turns: int) -> None:
        while True:
            await self.context.clock.sleep(1 * MS)
            for _ in range(turns):
                await asyncio.sleep(0)
            await self.context.emit(Text(f"{number}"), originating_time=5, parents=())


class Stale(Emits):
    """Slow, behind a mailbox that gives up what is old."""

    takes = {"text": Input("tick", Text, DeliveryPolicy.max_age(2))}

    async def process(self, event: Any, emit: Any) -> None:
        await self.context.clock.sleep(1.5 * MS)
        await emit(Text(event.payload.text))


class Throttled(Stale):
    takes = {"text": Input("tick", Text, DeliveryPolicy.throttle(400))}


class Blocking(Stale):
    """Keeps whoever publishes waiting."""

    takes = {"text": Input("tick", Text, DeliveryPolicy.parse("block(1)+max_age(3)"))}


class Behind(Stale):
    """After a component that it keeps waiting."""

    takes = {"text": Input("restarts", Text, DeliveryPolicy.parse("block(1)+max_age(3)"))}


class BadSetup(Emits):
    """Fails in its first two lives before it is ready."""

    lives = 0

    async def setup(self) -> None:
        type(self).lives += 1
        await self.context.clock.sleep(2 * MS)
        if self.lives % 3:
            raise RuntimeError("not yet")

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(event.payload.text))


class Last(Emits):
    """Speaks when it is closed, and works on an effect to the end."""

    async def setup(self) -> None:
        await self.context.effects.begin("for ever", "be", {})

    async def process(self, event: Any, emit: Any) -> None:
        async with self.context.effects.perform(event.id, "say", {"n": 1}, cause=event):
            await self.context.clock.sleep(3 * MS)
            await emit(Text("said"))

    async def close(self) -> None:
        await self.say("good bye")


class Interrupts(Emits):
    interruptible = True

    async def process(self, event: Any, emit: Any) -> None:
        try:
            await self.context.clock.sleep(4 * MS)
        finally:
            await emit(Text(f"left {event.payload.text}"))


class Joins(Fuser):
    takes = {
        "a": Input("tick", Text, DeliveryPolicy.latest()),
        "b": Input("stale", Text),
        "c": Input("tick", Text, DeliveryPolicy.drop_oldest(2)),
    }
    gives = {"text": Output("joined", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await self.context.clock.sleep(0.6 * MS)
        await emit(Text(f"{self.came_by} {event.payload.text}"))


class Speaks(Planner):
    takes = {"text": Input("joined", Text), "said": Input("said", Text)}
    gives = {"text": Output("said", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        if len(event.payload.text) < 40:
            await emit(Text(f"I {event.payload.text}"))


ADVERSARIES: dict[str, dict[str, type[Component]]] = {
    "restarts": {"restarts": Restarts},
    "times out": {"times_out": TimesOut},
    "queues": {"queues": Queues},
    "yields": {"yields": Yields},
    "mailboxes": {"stale": Stale, "throttled": Throttled, "blocking": Blocking},
    "waiting publishers": {"restarts": Restarts, "behind": Behind},
    "bad setup": {"bad": BadSetup},
    "last words": {"last": Last},
    "interruptions": {"interrupts": Interrupts},
    "joins": {"stale": Stale, "joins": Joins, "speaks": Speaks},
}  # fmt: skip


async def drive(session: Session) -> None:
    ticks = session.bus.subscribe("tick", DeliveryPolicy.block(1000))
    for number in range(30):
        await ticks.get()
        if number % 10 == 9:
            await session.interrupt("a test")
    ticks.close()
    await asyncio.wait_for(session.wait(), 10)


def prepare(theatre: Any, parts: dict[str, type[Component]]) -> None:
    theatre.parts = {"ticker": Ticker, **parts}
    eager = {"on_error": {"backoff_s": 2 * MS, "max_backoff_s": 4 * MS, "max_restarts": 4}}
    theatre.tables = dict.fromkeys(parts, eager)

"""Small components that tests of sessions are made of."""

from __future__ import annotations

from typing import Any

from sensorium.components import ComponentOptions, Input, Output, Perceiver, Source
from sensorium.errors import BadInput
from sensorium.events import NS_PER_MS
from sensorium.payloads import Text

START = 1_000_000_000


class Failing(Source):
    """Raises in ``run``, the first ``times`` lives."""

    class Options(ComponentOptions):
        times: int = 1000

    gives = {"text": Output("text/{name}", Text)}
    lives: list[int]
    error: Exception

    async def run(self, emit: Any) -> None:
        self.lives.append((self.context.clock.now() - START) // NS_PER_MS)
        if len(self.lives) <= self.options.times:
            raise self.error
        await emit(Text("through"))


def failing(error: Exception | None = None) -> type[Failing]:
    lives: list[int] = []
    return type("Failing", (Failing,), {"lives": lives, "error": error or RuntimeError("broken")})


class Picky(Perceiver):
    takes = {"text": Input("text/+", Text)}
    gives = {"ok": Output("ok/{name}", Text)}
    error: Exception = BadInput("not to my taste")

    async def process(self, event: Any, emit: Any) -> None:
        if event.payload.text == "bad":
            raise self.error
        await emit(event.payload)


async def send(session: Any, *words: str) -> None:
    for word in words:
        await session.bus.publish("text/test", Text(word), source="test")


class Counting(Source):
    class Options(ComponentOptions):
        count: int = 3

    gives = {"text": Output("text/{name}", Text)}

    async def run(self, emit: Any) -> None:
        for number in range(self.options.count):
            await emit(Text(str(number)))


class Endless(Source):
    gives = {"text": Output("text/{name}", Text)}

    async def run(self, emit: Any) -> None:
        while True:
            await emit(Text("tick"))
            await self.context.clock.sleep(1)


class Shouting(Perceiver):
    takes = {"text": Input("text/+", Text)}
    gives = {"loud": Output("loud/{name}", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(event.payload.text.upper() + "!"))

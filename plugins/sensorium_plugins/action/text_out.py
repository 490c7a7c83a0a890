"""Text out: replies as they are made, on the terminal or into a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sensorium import Actuator, ComponentOptions, Emit, Input
from sensorium.errors import OutputFailed
from sensorium.events import AnyEvent
from sensorium.payloads import Reply, ReplyPart


class TextOutOptions(ComponentOptions):
    """Options of :class:`TextOut`."""

    to: str = "stdout"
    """stdout, stderr, or the path of a file to append to."""
    prefix: str = ""
    """Written before each reply."""


class TextOut(Actuator):
    """Writes each reply's words as they come, and a newline after the last."""

    Options = TextOutOptions
    takes = {
        "part": Input("reply/part", ReplyPart),
        "reply": Input("reply/text", Reply),
    }

    async def setup(self) -> None:
        """Nothing has been written yet."""
        self._open = False

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Write a part, or end the line."""
        if isinstance(event.payload, ReplyPart):
            prefix = "" if self._open else self.options.prefix
            self._open = True
            await self._write(prefix + event.payload.text)
        elif self._open:
            self._open = False
            await self._write("\n" if event.payload.finished else " …\n")

    async def _write(self, text: str) -> None:
        try:
            if self.options.to in ("stdout", "stderr"):
                stream = sys.stdout if self.options.to == "stdout" else sys.stderr
                stream.write(text)
                stream.flush()
            else:
                with self.context.clock.hold():
                    await asyncio.to_thread(_append, self.options.to, text)
        except OSError as error:
            raise OutputFailed(f"cannot write the reply to {self.options.to}: {error}") from error


def _append(path: str, text: str) -> None:
    with Path(path).expanduser().open("a", encoding="utf-8") as file:
        file.write(text)

"""Ours: a session with one perceiver a stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sensorium import (
    Emit,
    Event,
    Input,
    Output,
    Perceiver,
    Session,
    Sink,
    hookimpl,
    load_plugins,
    load_settings,
)
from sensorium_benchmarks.bus.note import CAPACITY, Note
from sensorium_benchmarks.hops.row import Enter, Exit, alone_of, stream_of


class Stage(Perceiver):
    """Hands every note on."""

    takes = {"note": Input("row/{name}/note", Note)}
    gives = {"note": Output("row/{name}/out", Note)}

    async def process(self, event: Event[Note], emit: Emit) -> None:
        """See :class:`Perceiver`."""
        await emit(event.payload)


class _Row:
    """The plugin."""

    def __init__(self, out: Exit) -> None:
        class Last(Sink):
            """Gives every note to the exit."""

            takes = {"note": Input("row/last/note", Note)}

            async def process(self, event: Event[Note], emit: Emit) -> None:
                """See :class:`Sink`."""
                out(event.payload)

        self._last = Last

    @hookimpl
    def sensorium_register_perceivers(self, registry: Any) -> None:
        """See the hook."""
        registry.add("stage", Stage)

    @hookimpl
    def sensorium_register_sinks(self, registry: Any) -> None:
        """See the hook."""
        registry.add("last", self._last)


@asynccontextmanager
async def _opened(stages: int, out: Exit) -> AsyncIterator[Enter]:
    policy = {"policy": f"block({CAPACITY})"}
    names = [f"stage{number}" for number in range(stages - 1)]
    components: dict[str, Any] = {
        name: {
            "use": "stage",
            "takes": {"note": policy},
            "gives": {"note": f"row/{after}/note"},
        }
        for name, after in zip(names, [*names[1:], "last"], strict=True)
    }
    components["last"] = {"takes": {"note": policy}}
    plugins = load_plugins(installed=False, extra=[("row", _Row(out))])
    first = f"row/{next(iter(components))}/note"
    async with Session(load_settings(overrides={"components": components}), plugins) as session:

        async def enter(note: Note) -> None:
            await session.bus.publish(first, note, source="bench")

        yield enter


stream: Callable[[int, int], dict[str, float]] = partial(stream_of, _opened)
alone: Callable[[int, int], dict[str, float]] = partial(alone_of, _opened)

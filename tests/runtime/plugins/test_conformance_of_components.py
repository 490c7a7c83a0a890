"""The conformance kit finds each fault, names it, and finds none in a sound component."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from sensorium import Component, ComponentOptions, Input, Output, Perceiver, Source, Text
from sensorium.payloads import Array, Detections, Payload, payload
from sensorium.testing import assert_conforms, check_component
from sensorium.testing.problem import Problem

TAKES = {"text": Input("in/text", Text)}
GIVES = {"text": Output("out/{name}/text", Text)}
SAMPLES = [("in/text", Text("one")), ("in/text", Text("two"))]


def perceiver(process: Any = None, **body: Any) -> type[Perceiver]:
    """A sound perceiver, but for what the test says."""

    async def echo(self: Any, event: Any, emit: Any) -> None:
        await emit(Text(event.payload.text))

    sound = {
        "__module__": __name__,
        "__doc__": "Says what it hears.",
        "takes": TAKES,
        "gives": GIVES,
    }
    return type("Echo", (Perceiver,), {**sound, "process": process or echo, **body})


def only(problems: list[Problem], where: str, what: str) -> None:
    assert len(problems) == 1, [str(problem) for problem in problems]
    assert problems[0].where == where
    assert what in problems[0].what
    assert problems[0].remedy


def test_a_sound_component_has_no_problems() -> None:
    assert check_component(perceiver()) == []
    assert_conforms(perceiver(), SAMPLES)


class Loose(BaseModel):
    pass


class NotRegistered(Payload):
    pass


def plain_process(self: Any, event: Any, emit: Any) -> None:
    return None


async def yielding(self: Any, event: Any, emit: Any) -> Any:
    yield event


async def lonely(self: Any, event: Any) -> None:
    return None


DECLARED = [
    ({"__doc__": None}, "Echo", "no docstring"),
    ({"Options": Loose}, "Echo.Options", "not a ComponentOptions"),
    ({"takes": [Input("a", Text)]}, "Echo.takes", "not a mapping"),
    ({"takes": {"a": "in/text"}}, "Echo.takes['a']", "not an Input"),
    ({"takes": {"a": Input("in//text", Text)}}, "Echo.takes['a']", "empty level"),
    ({"takes": {"a": Input("in/#/text", Text)}}, "Echo.takes['a']", "stands alone"),
    ({"takes": {"a": Input("", Text)}}, "Echo.takes['a']", "at least one character"),
    ({"takes": {}}, "Echo", "never called"),
    ({"takes": {"a": Input("a", str)}}, "Echo.takes['a']", "'str' is not a payload type"),
    ({"gives": {}}, "Echo", "nobody hears"),
    ({"gives": {"a": Input("a", Text)}}, "Echo.gives['a']", "not an Output"),
    ({"gives": {"a": Output("x/{nam}", Text)}}, "Echo.gives['a']", "'{nam}'"),
    ({"gives": {"a": Output("system/me", Text)}}, "Echo.gives['a']", "publishes on 'system/me'"),
    ({"gives": {"a": Output("x", NotRegistered)}}, "Echo.gives['a']", "lacks the @payload"),
    ({"process": plain_process}, "Echo.process", "is not async"),
    ({"process": yielding}, "Echo.process", "yields"),
    ({"process": lonely}, "Echo.process", "wrong arguments"),
    ({"setup": lambda self: None}, "Echo.setup", "is not async"),
    ({"close": lambda self: None}, "Echo.close", "is not async"),
    ({"__init__": lambda self: None}, "Echo.__init__", "wrong arguments"),
]


@pytest.mark.parametrize(("body", "where", "what"), DECLARED, ids=[what for *_, what in DECLARED])
def test_declarations(body: dict[str, Any], where: str, what: str) -> None:
    only(check_component(perceiver(**body)), where, what)


def test_what_is_no_component_at_all() -> None:
    only(check_component(object()), check_component(object())[0].where, "not a component class")

    class Kindless(Component):
        """Of no kind."""

    only(check_component(Kindless), "Kindless", "no kind")


def test_a_source_without_run_or_with_inputs() -> None:
    class Mute(Source):
        """Says nothing."""

        gives = GIVES

    only(check_component(Mute), "Mute", "no method run")

    class Torn(Source):
        """Both ends."""

        takes = TAKES
        gives = GIVES

        async def run(self, emit: Any) -> None: ...

    only(check_component(Torn), "Torn", "takes events")


def test_options_that_forgive_misspelling_and_have_no_schema() -> None:
    class Options(ComponentOptions, extra="ignore"):
        call: Callable[[], None] | None = None

    found = check_component(perceiver(Options=Options))
    assert [p.what.split(" (")[0] for p in found] == [
        "accepts keys it does not know",
        "has no JSON schema",
    ]


@payload("conformance.lossy")
class Lossy(Payload):
    """Claims a tuple."""

    items: tuple[int, ...]


@payload("conformance.grid")
class Grid(Payload):
    """Not what is declared."""

    data: Array


@payload("conformance.tally")
class Tally(Payload):
    """A mapping that can be written to."""

    counts: dict[str, int]


# --- behaviours ---------------------------------------------------------------------------------


async def raises(self: Any, event: Any, emit: Any) -> None:
    raise ValueError("no")


async def undeclared(self: Any, event: Any, emit: Any) -> None:
    await emit(Grid(np.zeros(2)))


async def new_time(self: Any, event: Any, emit: Any) -> None:
    await emit(Text("x"), originating_time=self.context.clock.now())


async def orphan(self: Any, event: Any, emit: Any) -> None:
    await emit(Text("x"), parents=(), originating_time=event.originating_time)


async def sleeps(self: Any, event: Any, emit: Any) -> None:
    time.sleep(0.001)


async def reads_the_wall_clock(self: Any, event: Any, emit: Any) -> None:
    await emit(Text("late" if time.time() < 0 else "early"))


async def swallows(self: Any, event: Any, emit: Any) -> None:
    try:
        await emit(Text("x"))
    except asyncio.CancelledError:
        return


async def retries(self: Any, event: Any, emit: Any) -> None:
    while True:
        try:
            return await emit(Text("x"))  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            continue


async def rolls_dice(self: Any, event: Any, emit: Any) -> None:
    await emit(Text(str(random.random())))


async def leaks_a_task(self: Any, event: Any, emit: Any) -> None:
    self.task = asyncio.ensure_future(asyncio.Event().wait())


async def lists(self: Any, event: Any, emit: Any) -> None:
    await emit(Lossy([1, 2]))  # type: ignore[arg-type]


async def close_once(self: Any) -> None:
    del self.context


async def close_what_setup_made(self: Any) -> None:
    self.device = None
    if not self.made:
        raise AttributeError("device")


async def setup_makes(self: Any) -> None:
    self.made = True


async def close_badly(self: Any) -> None:
    raise OSError("stuck")


def opens_a_file(self: Any, options: Any, context: Any) -> None:
    Component.__init__(self, options, context)
    with Path(__file__).open(encoding="utf-8"):
        pass


def starts_a_thread(self: Any, options: Any, context: Any) -> None:
    Component.__init__(self, options, context)
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


BEHAVED = [
    ({"process": raises}, "raised ValueError: no"),
    ({"process": undeclared}, "Grid, which fits 0 of its outputs"),
    ({"process": new_time}, "does not keep the originating time"),
    ({"process": orphan}, "names no parent"),
    ({"process": sleeps}, "calls time.sleep"),
    ({"process": reads_the_wall_clock}, "reads time.time()"),
    ({"process": swallows}, "goes on after being cancelled"),
    ({"process": retries}, "goes on after being cancelled"),
    ({"process": rolls_dice}, "answers the same events differently"),
    ({"process": leaks_a_task}, "running after close"),
    ({"process": lists, "gives": {"x": Output("x", Lossy)}}, "'items' changes on the way"),
    ({"close": close_once}, "when called twice"),
    ({"close": close_what_setup_made, "setup": setup_makes, "made": False}, "when setup had"),
    ({"close": close_badly}, "raises OSError: stuck"),
    ({"__init__": opens_a_file}, "does slow work (open)"),
    ({"__init__": starts_a_thread}, "does slow work (a new thread)"),
]


@pytest.mark.parametrize(("body", "what"), BEHAVED, ids=[what for _, what in BEHAVED])
def test_behaviours(body: dict[str, Any], what: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_conforms(perceiver(**body), SAMPLES)
    assert what in str(caught.value)
    assert "Echo does not conform" in str(caught.value)


def test_a_changed_input_and_a_reused_output() -> None:
    class Scribbler(Perceiver):
        """Writes into what it was given, and into what it gave."""

        takes = {"tally": Input("tally", Tally)}
        gives = {"boxes": Output("boxes", Detections)}

        def __init__(self, options: Any, context: Any) -> None:
            super().__init__(options, context)
            self.boxes = np.zeros((1, 4), np.float32)

        async def process(self, event: Any, emit: Any) -> None:
            event.payload.counts["seen"] = 1
            self.boxes += 1
            await emit(Detections(("x",), (1.0,), self.boxes))

    samples = [("tally", Tally({})) for _ in range(2)]
    with pytest.raises(AssertionError) as caught:
        assert_conforms(Scribbler, samples)
    assert "changes the Tally that it was given" in str(caught.value)
    assert "changes a Detections after emitting it" in str(caught.value)


def test_an_open_file_and_a_running_thread(tmp_path: Path) -> None:
    made: list[Any] = []
    stop = threading.Event()

    async def setup(self: Any) -> None:
        self.file = (tmp_path / "left.txt").open("w")
        thread = threading.Thread(target=stop.wait, name="left-over", daemon=True)
        thread.start()
        made.extend([self.file, thread])

    try:
        with pytest.raises(AssertionError) as caught:
            assert_conforms(perceiver(setup=setup), SAMPLES)
    finally:
        stop.set()
        for thing in made:
            thing.join() if isinstance(thing, threading.Thread) else thing.close()
    assert "leaves the thread 'left-over' running" in str(caught.value)
    assert "left.txt open after close" in str(caught.value)


def test_sources_that_emit_nothing_go_back_or_come_from_the_future() -> None:
    def source(*times: int) -> type[Source]:
        class Teller(Source):
            """Tells the time."""

            gives = GIVES

            async def run(self, emit: Any) -> None:
                for seconds in times:
                    now = self.context.clock.now()
                    await emit(Text("x"), originating_time=now + seconds * 1_000_000_000)

        return Teller

    assert_conforms(source(-2, -1))
    for times, what in (((), "emitted nothing"), ((5,), "future"), ((-1, -2), "back in time")):
        with pytest.raises(AssertionError, match=what):
            assert_conforms(source(*times))


def test_a_component_that_sleeps_on_the_clock_or_works_in_a_thread_conforms() -> None:
    async def patient(self: Any, event: Any, emit: Any) -> None:
        await self.context.clock.sleep(3.0)
        await emit(Text(await asyncio.to_thread(str.upper, event.payload.text)))

    assert_conforms(perceiver(process=patient), SAMPLES)


def test_samples_are_asked_for() -> None:
    with pytest.raises(AssertionError, match=r"needs sample_events.* on: in/text"):
        assert_conforms(perceiver())

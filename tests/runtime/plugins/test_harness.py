"""run_component: what a plugin author's tests rest on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from pydantic import Field

from sensorium import (
    ComponentOptions,
    ErrorAction,
    Input,
    Model,
    Output,
    Perceiver,
    Source,
    Text,
    VirtualClock,
)
from sensorium.errors import ComponentError, PluginError, SensoriumError, SettingsError
from sensorium.testing import run_component

pytestmark = pytest.mark.usefixtures("no_tasks")


class Shout(Perceiver):
    """Says it louder, later."""

    class Options(ComponentOptions):
        delay_s: float = Field(0.0, ge=0)

    takes = {"text": Input("in/+/text", Text)}
    gives = {"text": Output("out/{name}/text", Text), "aside": Output("aside/{name}", Text)}
    interruptible = True

    async def process(self, event: Any, emit: Any) -> None:
        if event.payload.text == "fail":
            raise ValueError("asked to")
        await self.context.clock.sleep(self.options.delay_s)
        await emit(Text(event.payload.text.upper()), to="text")
        await emit(Text("said"), to="aside")


class Counting(Source):
    """Counts, one a second."""

    class Options(ComponentOptions):
        up_to: int = 3

    gives = {"count": Output("count/{name}", Text)}

    async def run(self, emit: Any) -> None:
        for number in range(self.options.up_to):
            await emit(Text(str(number)))
            await self.context.clock.sleep(1.0)


class Doubles(Model[Any, Any]):
    def load(self, device: str) -> None: ...

    def infer(self, batch: Any) -> Any:
        return [request * 2 for request in batch]

    def stream(self, request: Any) -> Any:
        yield from request


class AsksModel(Perceiver):
    """Answers with what the model says."""

    takes = {"text": Input("in/text", Text)}
    gives = {"text": Output("out/text", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(await self.model("doubler").infer(event.payload.text)))


async def test_events_come_in_order_with_their_times_and_topics() -> None:
    async with run_component(Shout) as harness:
        sent = await harness.send("in/a/text", Text("one"), originating_time=17)
        await harness.send("in/b/text", Text("two"))
        await harness.settled()
        assert [event.payload.text for event in harness.events] == ["ONE", "said", "TWO", "said"]
    assert harness.events_on("aside/#") == harness.events[1::2]
    assert harness.events[0].topic == "out/shout/text"
    assert harness.events[0].originating_time == 17
    assert harness.events[0].parents == (sent.id,)
    assert harness.announcements[0].topic == "system/component_ready"
    assert harness.failures == []


async def test_options_and_virtual_time() -> None:
    async with run_component(
        Shout, options={"delay_s": 2.0}, clock=VirtualClock(), name="loud"
    ) as harness:
        await harness.send("in/a/text", Text("one"))
        await harness.advance(1.9)
        assert harness.events == []
        await harness.advance(0.2)
        assert [event.topic for event in harness.events] == ["out/loud/text", "aside/loud"]
        assert harness.events[0].creation_time == 2_000_000_000
        await harness.settled()


async def test_an_interruption_stops_process() -> None:
    async with run_component(Shout, options={"delay_s": 2.0}, clock=VirtualClock()) as harness:
        await harness.send("in/a/text", Text("one"))
        await harness.advance(1.0)
        await harness.interrupt()
        await harness.advance(5.0)
        assert harness.events == []
        await harness.send("in/a/text", Text("two"))
        await harness.advance(2.0)
    assert [event.payload.text for event in harness.events] == ["TWO", "said"]


async def test_a_source_runs_to_its_end_on_virtual_time() -> None:
    async with run_component(Counting, clock=VirtualClock()) as harness:
        await harness.finished()
        assert harness.ended
    assert [e.payload.text for e in harness.events] == ["0", "1", "2"]
    assert [e.originating_time for e in harness.events] == [0, 10**9, 2 * 10**9]


async def test_an_endless_source_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.testing.harness.STUCK_S", 0.01)
    options = {"up_to": 10**9}
    async with run_component(Counting, options=options, clock=VirtualClock()) as harness:
        with pytest.raises(ComponentError, match="has not reached its end"):
            await harness.finished(within=10.0)
    assert len(harness.events) == 11


@pytest.mark.parametrize("fake", [Doubles, Doubles(), lambda text: text * 2])
async def test_models_are_classes_objects_or_functions(fake: Any) -> None:
    async with run_component(AsksModel, models={"doubler": fake}) as harness:
        await harness.send("in/text", Text("ha"))
        await harness.settled()
    assert harness.events[0].payload.text == "haha"


async def test_failures_are_seen_by_looking() -> None:
    async with run_component(Shout) as harness:
        event = await harness.send("in/a/text", Text("fail"))
        await harness.settled()
        (failure,) = harness.failures
        assert isinstance(harness.error, ValueError)
        with pytest.raises(ComponentError, match=r"has ended \(ValueError: asked to\)"):
            await harness.send("in/a/text", Text("more"))
    assert (failure.kind, failure.event, failure.action) == ("ValueError", event.id, "disable")


async def test_a_failure_nobody_looked_at_fails_the_test() -> None:
    async def test() -> None:
        async with run_component(Shout) as harness:
            await harness.send("in/a/text", Text("fail"))
            await harness.settled()

    with pytest.raises(ComponentError, match="failed in process at event harness#0: ValueError"):
        await test()


async def test_a_failed_assertion_tells_of_the_failure_behind_it() -> None:
    async def test() -> None:
        async with run_component(Shout) as harness:
            await harness.send("in/a/text", Text("fail"))
            await harness.settled()
            raise AssertionError("no events")

    with pytest.raises(AssertionError) as caught:
        await test()
    assert caught.value.__notes__ == [
        "component 'shout' failed in process at event harness#0: ValueError: asked to"
    ]


async def test_failures_can_be_left_out_instead() -> None:
    async with run_component(Shout, on_error=ErrorAction.SKIP) as harness:
        await harness.send("in/a/text", Text("fail"))
        await harness.send("in/a/text", Text("one"))
        await harness.settled()
        assert [failure.action for failure in harness.failures] == ["skip"]
    assert harness.events[0].payload.text == "ONE"


async def test_mistakes_in_the_test_itself_are_explained() -> None:
    with pytest.raises(SettingsError, match=r"components\.shout\.options.*delay_s"):
        async with run_component(Shout, options={"delay": 1}):
            pytest.fail("unknown option")
    broken = type("Broken", (), {"sensorium_register_sinks": lambda self, registry: None})
    with pytest.raises(PluginError, match=r"^plugin 'Broken': sensorium_register_sinks lacks"):
        async with run_component(Shout, plugins=[broken()]):
            pytest.fail("broken plugin")
    async with run_component(Shout) as harness:
        with pytest.raises(ComponentError, match=r"does not take 'in/text'; it takes: in/\+/text"):
            await harness.send("in/text", Text("one"))
        with pytest.raises(SensoriumError, match="clock=VirtualClock"):
            await harness.advance(1.0)


async def test_being_stuck_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.testing.harness.STUCK_S", 0.01)
    clock = VirtualClock()
    async with run_component(Shout, options={"delay_s": 2.0}, clock=clock) as harness:
        await harness.send("in/a/text", Text("one"))
        with pytest.raises(ComponentError, match=r"still busy.*advance\(\)"):
            await harness.settled()
        await harness.advance(2.0)


async def test_more_events_than_the_mailbox_holds() -> None:
    async with run_component(Counting, options={"up_to": 0}) as harness:
        await harness.finished(within=5)

    class Burst(Source):
        """Gives everything at once."""

        gives = {"count": Output("count", Text)}

        async def run(self, emit: Any) -> None:
            for number in range(5000):
                await emit(Text(str(number)))

    async with run_component(Burst) as harness:
        await asyncio.wait_for(harness.finished(), 10)
        assert [int(event.payload.text) for event in harness.events] == list(range(5000))


def test_importing_the_kit_is_light() -> None:
    code = (
        "import sys, sensorium.testing\n"
        "heavy = {'torch', 'cv2', 'pytest', 'scipy', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

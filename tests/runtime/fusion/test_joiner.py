"""The join as a component: in a session, on its clock, with its sources' lives."""

from __future__ import annotations

import statistics
from typing import Any

from sensorium import Input, Output, Session, Source, Text, VirtualClock, WallClock, load_plugins
from sensorium.errors import ComponentError
from sensorium.events import NS_PER_MS, NS_PER_S, AnyEvent
from sensorium.fusion import Aligned, Joiner, With, join
from sensorium.payloads import ComponentEnded, ComponentReady, StreamState
from sensorium.settings import load_settings
from sensorium.testing import Harness, assert_conforms, run_component

S, MS = NS_PER_S, NS_PER_MS
NOW = 1_000 * S


class Pairs(Joiner):
    """Names what belongs together."""

    takes = {"a": Input("a", Text), "b": Input("b/+", Text)}
    gives = {"pair": Output("pairs", Text)}
    joins = join("a", ["b"], tolerance_ms=20)

    async def joined(self, aligned: Aligned, emit: Any) -> None:
        b = aligned["b"]
        if aligned.primary.payload.text == "broken":
            raise ValueError("broken")
        await emit(Text(f"{aligned.primary.payload.text} {b.payload.text if b else '-'}"))


class Hasty(Pairs):
    """The same, with little patience."""

    joins = join("a", {"b": With(tolerance_ms=20, stall_s=3600)}, mode="available", wait_ms=50)


def running(kind: type[Pairs] = Pairs, **options: Any) -> Any:
    return run_component(kind, clock=VirtualClock(NOW), **options)


async def say(harness: Harness, topic: str, text: str, at_ms: float) -> AnyEvent:
    sent = await harness.send(topic, Text(text), originating_time=NOW + round(at_ms * MS))
    await harness.settled()
    return sent


def pairs(harness: Harness) -> list[str]:
    return [event.payload.text for event in harness.events_on("pairs")]


async def test_what_is_made_of_a_set_has_its_time_and_all_its_parents() -> None:
    async with running() as harness:
        a = await say(harness, "a", "one", 100)
        assert pairs(harness) == []
        b = await say(harness, "b/x", "uno", 105)
        await say(harness, "b/x", "due", 140)
        (event,) = harness.events_on("pairs")
    assert event.payload.text == "one uno"
    assert event.originating_time == a.originating_time
    assert event.parents == (a.id, b.id)
    assert event.root == a.id


async def test_sets_come_in_order_and_after_a_bound_without_a_stream_that_died() -> None:
    async with running() as harness:
        for number in range(3):
            await say(harness, "a", str(number), number * 100)
        await harness.advance(4.999)
        assert pairs(harness) == []
        await harness.advance(0.001)
        assert pairs(harness) == ["0 -", "1 -", "2 -"]
        states = [e.payload for e in harness.announcements if isinstance(e.payload, StreamState)]
        assert [(s.component, s.stream, s.state, s.waiting) for s in states] == [
            ("pairs", "b", "stalled", 3)
        ]
        await say(harness, "b/x", "back", 5000)
        states = [e.payload for e in harness.announcements if isinstance(e.payload, StreamState)]
        assert [s.state for s in states] == ["stalled", "recovered"]


async def test_available_waits_to_the_nanosecond_on_a_virtual_clock() -> None:
    async with running(Hasty) as harness:
        await say(harness, "a", "one", 0)
        await harness.advance(0.030)
        await say(harness, "a", "two", 30)
        await harness.advance(0.019_999_999)
        assert pairs(harness) == []
        await harness.advance(0.000_000_001)
        assert pairs(harness) == ["one -"]
        await harness.advance(0.029_999_999)
        assert pairs(harness) == ["one -"]
        await harness.advance(0.000_000_001)
        assert pairs(harness) == ["one -", "two -"]


async def test_a_stream_ends_with_the_source_that_its_events_come_from() -> None:
    async with running() as harness:
        bus = harness.session.bus
        for number in range(3):
            time = NOW + number * 100 * MS
            await bus.publish("a", Text(str(number)), source="seer", root="camera#1",
                              originating_time=time)  # fmt: skip
            await bus.publish("b/x", Text("b"), source="ear", root="mic#1",
                              originating_time=time + 10 * MS)  # fmt: skip
        await harness.settled()
        assert pairs(harness) == ["0 b", "1 b", "2 b"]
        await bus.publish("a", Text("last"), source="seer", root="camera#9",
                          originating_time=NOW + S)  # fmt: skip
        await harness.session.announce(ComponentEnded("camera", "over"))
        await harness.session.announce(ComponentEnded("mic", "over"))
        await harness.advance(0.999)
        assert pairs(harness)[3:] == []  # what is under way may still come
        await harness.advance(0.001)
        assert pairs(harness)[3:] == ["last -"]


async def test_a_source_with_a_new_life_may_go_back_in_time() -> None:
    async with running() as harness:
        await say(harness, "b/x", "old", 60_000)
        await say(harness, "a", "old", 60_000)
        assert pairs(harness) == ["old old"]
        await harness.session.announce(ComponentReady("harness"))
        await harness.settled()
        await say(harness, "b/x", "new", 1000)
        await say(harness, "a", "new", 1000)
        assert pairs(harness) == ["old old", "new new"]


async def test_one_set_that_fails_costs_only_itself() -> None:
    from sensorium import ErrorAction

    async with running(on_error=ErrorAction.SKIP) as harness:
        for number, text in enumerate(("one", "broken", "three")):
            await say(harness, "a", text, number * 100)
        await say(harness, "b/x", "b", 1000)
        await say(harness, "b/x", "b", 1001)
        assert pairs(harness) == ["one -", "three -"]
        assert [failed.kind for failed in harness.failures] == ["ValueError"]


async def test_the_counts_are_published_while_something_happens_and_at_the_end() -> None:
    async with running() as harness:
        await say(harness, "a", "one", 0)
        await say(harness, "b/x", "uno", 0)
        await harness.advance(10)
        assert len(harness.events_on("system/fusion_statistics")) == 1
        await harness.advance(100)  # nothing new to say
        assert len(harness.events_on("system/fusion_statistics")) == 1
        await say(harness, "b/x", "due", 110_000)
    reports = harness.events_on("system/fusion_statistics")
    first, last = (event.payload for event in reports)
    assert first.component == "pairs"
    assert (first.primaries["received"], first.primaries["released"]) == (1, 1)
    assert first.outcomes["complete"] == 1
    assert (first.streams["b"]["received"], first.streams["b"]["matched"]) == (1, 1)
    assert first.states == {"b": "live"}
    assert last.streams["b"]["received"] == 2


async def test_a_stream_that_is_not_taken_is_a_clear_mistake() -> None:
    class Wrong(Pairs):
        """Joins what it does not take."""

        joins = join("a", ["c"])

    async with running(Wrong) as harness:
        assert "joins 'c', which it does not take" in str(harness.error)
        assert harness.failures
    assert isinstance(harness.error, ComponentError)


def test_it_conforms_to_what_a_component_has_to_be() -> None:
    samples = [("b/x", Text("uno")), ("a", Text("one"))]
    assert_conforms(Pairs, samples)


# --- in a session of its own ------------------------------------------------------------------


class Speaker(Source):
    """Says a few words and ends."""

    gives = {"a": Output("a", Text)}

    async def run(self, emit: Any) -> None:
        for number in range(3):
            await emit(Text(str(number)))
            await self.context.clock.sleep(0.01)


async def test_a_session_whose_sources_ended_waits_for_what_the_join_still_holds() -> None:
    plugins = load_plugins(installed=False)
    plugins.kinds["source"].add("speaker", Speaker)
    plugins.kinds["fuser"].add("hasty", Hasty)
    settings = load_settings(environ={}, overrides={"components": {"speaker": {}, "hasty": {}}})
    async with Session(settings, plugins, WallClock()) as session:
        made = session.bus.subscribe("pairs")
        assert await session.wait() == "every source reached its end"
        texts = [made.get_nowait().payload.text for _ in range(made.pending)]
    assert texts == ["0 -", "1 -", "2 -"]


async def test_on_real_time_the_wait_is_kept_within_5_ms() -> None:
    """With a stream that is dead. The machine may be busy: half of them at least."""

    class Waits(Hasty):
        """Notes how long each waited."""

        waited: list[float] = []

        async def joined(self, aligned: Aligned, emit: Any) -> None:
            self.waited.append((self.context.clock.now() - aligned.primary.creation_time) / MS)

    async with run_component(Waits, clock=WallClock()) as harness:
        for number in range(40):
            await harness.send("a", Text(str(number)))
            await harness.clock.sleep(0.005)
        await harness.clock.sleep(0.1)
    assert len(Waits.waited) == 40
    assert min(Waits.waited) >= 50
    assert statistics.median(Waits.waited) <= 55

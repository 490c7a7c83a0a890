"""The effects ledger: each id at most once, through interruption, restart and the next session."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensorium.clocks import VirtualClock
from sensorium.components import Actuator, Input, Output
from sensorium.effects import Effects, Ledger
from sensorium.effects.journal import SPARE_LINES, Journal
from sensorium.errors import BadInput, EffectRefused
from sensorium.payloads import Effect, Interrupted, Text
from sensorium.plugins import load_plugins
from sensorium.session import Session
from sensorium.settings import load_settings

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


class Book:
    """A ledger, and the entries it made known."""

    def __init__(self, journal: Path | None = None, remember: int = 100) -> None:
        self.said: list[Effect] = []
        self.clock = VirtualClock(start=1000)
        self.ledger = Ledger(
            self.clock,
            self._publish,
            remember=remember,
            journal=Journal(journal) if journal else None,
        )
        self.effects = Effects(self.ledger, "arm")

    async def _publish(self, effect: Effect, cause: Any, source: str = "") -> None:
        self.said.append(effect)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(effect.effect_id, effect.state) for effect in self.said]


async def test_an_effect_is_written_down_before_it_begins_and_when_it_ends() -> None:
    book = Book()
    async with book.effects.perform("1", "lamp/on", {"level": 3}) as effect:
        assert book.states == [("1", "requested"), ("1", "started")]
        await book.clock.advance(1)
        effect.detail = "bright"
    last = book.said[-1]
    assert (last.state, last.detail, last.request, last.component) == (
        "done", "bright", {"level": 3}, "arm",
    )  # fmt: skip
    assert (last.requested_at, last.started_at, last.ended_at) == (1000, 1000, 1_000_001_000)


@pytest.mark.parametrize("state", ["done", "failed", "unknown", "cancelled"])
async def test_an_id_is_done_once_and_tried_again_only_if_that_does_no_harm(state: Any) -> None:
    book = Book()
    async with book.effects.perform("1", "lamp/on", {}) as effect:
        effect.outcome = state
        with pytest.raises(EffectRefused, match="its state is started"):
            await book.ledger.begin("arm", "1", "lamp/on", {}, idempotent=True)
    with pytest.raises(EffectRefused, match=f"its state is {state}"):
        await book.ledger.begin("arm", "1", "lamp/on", {})
    if state == "done":
        with pytest.raises(EffectRefused):
            await book.ledger.begin("arm", "1", "lamp/on", {}, idempotent=True)
    else:
        assert (await book.ledger.begin("arm", "1", "lamp/on", {}, idempotent=True)).state


async def test_what_raises_has_failed_unless_it_says_otherwise() -> None:
    book = Book()

    async def fail(effect_id: str, why: str, outcome: Any) -> None:
        async with book.effects.perform(effect_id, "lamp/on", {}) as effect:
            effect.outcome = outcome
            raise OSError(why)

    with pytest.raises(OSError, match="no lamp"):
        await fail("1", "no lamp", "done")
    with pytest.raises(OSError, match="no answer"):
        await fail("2", "no answer", "unknown")
    ends = [(e.effect_id, e.state, e.detail) for e in book.said if e.ended_at]
    assert ends == [("1", "failed", "OSError: no lamp"), ("2", "unknown", "OSError: no answer")]


@pytest.mark.parametrize(("stoppable", "state"), [(True, "cancelled"), (False, "unknown")])
async def test_what_is_stopped_is_cancelled_only_where_stopping_leaves_no_doubt(
    stoppable: bool, state: str
) -> None:
    book = Book()
    begun = asyncio.Event()

    async def act() -> None:
        async with book.effects.perform("1", "say", {}, stoppable=stoppable):
            begun.set()
            await asyncio.get_running_loop().create_future()

    acting = asyncio.create_task(act())
    await begun.wait()
    acting.cancel()
    await asyncio.wait([acting])
    assert acting.cancelled()
    assert book.states[-1] == ("1", state)


async def test_the_oldest_are_forgotten_first() -> None:
    book = Book(remember=2)
    for name in "abc":
        async with book.effects.perform(name, "x", {}):
            pass
    assert [entry.effect_id for entry in book.ledger.entries] == ["b", "c"]


async def test_a_journal_carries_the_ledger_to_the_next_session(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "effects.jsonl"
    first = Book(path)
    await first.ledger.open()
    async with first.effects.perform("1", "lamp/on", {}):
        pass
    await first.ledger.begin("arm", "2", "lamp/off", {})
    await first.ledger.close()  # the process ends here: nobody saw how it ended
    second = Book(path)
    await second.ledger.open()
    assert second.states == [("2", "unknown")]
    assert "ended before it did" in second.said[0].detail
    for effect_id in "12":
        with pytest.raises(EffectRefused):
            await second.ledger.begin("arm", effect_id, "lamp/on", {})
    await second.ledger.close()


async def test_a_line_that_a_crash_cut_off_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    first = Book(path)
    await first.ledger.open()
    async with first.effects.perform("1", "lamp/on", {}):
        pass
    await first.ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    second = Book(path)
    await second.ledger.open()
    assert path.read_bytes() == whole
    async with second.effects.perform("2", "lamp/on", {}):
        pass
    await second.ledger.close()
    third = Book(path)
    await third.ledger.open()
    assert [entry.effect_id for entry in third.ledger.entries] == ["1", "2"]
    await third.ledger.close()


async def test_a_journal_that_is_none_or_is_taken_is_named(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    path.write_text('{"effect_id": 3}\n')
    with pytest.raises(BadInput, match=r"line 1 of the effects journal .*effects\.jsonl"):
        await Book(path).ledger.open()
    path.unlink()
    held, late = Book(path), Book(path)
    await held.ledger.open()
    with pytest.raises(BadInput, match="open in another session"):
        await late.ledger.open()
    await held.ledger.close()
    await late.ledger.open()
    await late.ledger.close()


async def test_a_long_journal_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    book = Book(path)
    await book.ledger.open()
    async with book.effects.perform("1", "lamp/on", {}):
        pass
    await book.ledger.close()
    path.write_bytes(path.read_bytes() * SPARE_LINES)
    again = Book(path)
    await again.ledger.open()
    assert len(path.read_bytes().splitlines()) == 1
    async with again.effects.perform("2", "lamp/on", {}):
        pass
    await again.ledger.close()
    last = Book(path)
    await last.ledger.open()
    assert [entry.effect_id for entry in last.ledger.entries] == ["1", "2"]
    await last.ledger.close()


CRASHING = """
import asyncio, os, sys
from pathlib import Path
from sensorium.clocks import WallClock
from sensorium.effects import Effects, Ledger
from sensorium.effects.journal import Journal

async def publish(effect, cause, source=""):
    pass

async def main():
    ledger = Ledger(WallClock(), publish, journal=Journal(Path(sys.argv[1])))
    await ledger.open()
    async with Effects(ledger, "arm").perform("1", "lamp/on", {}):
        print("begun", flush=True)
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


async def test_what_a_killed_process_had_begun_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    child = subprocess.Popen([sys.executable, "-c", CRASHING, str(path)], stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    book = Book(path)
    await book.ledger.open()
    assert book.states == [("1", "unknown")]
    await book.ledger.close()


class Speaks(Actuator):
    """Does one thing a text; raises at the second life's wish, and can be stopped."""

    interruptible = True
    takes = {"text": Input("text", Text)}
    gives = {"said": Output("said", Text)}
    did: list[str] = []

    async def process(self, event: Any, emit: Any) -> None:
        text = event.payload.text
        async with self.context.effects.perform(text, "say", {"text": text}, cause=event):
            self.did.append(text)
            if text == "break":
                raise OSError("broken")
            if text == "long":
                await asyncio.get_running_loop().create_future()
        await emit(Text(text))


async def test_effects_of_a_session_survive_interruption_and_restart() -> None:
    plugins = load_plugins(installed=False)
    plugins.kinds["actuator"].add("speaks", Speaks)
    Speaks.did = []
    layer = {"components": {"speaks": {"on_error": {"backoff_s": 0}}}}
    clock = VirtualClock(start=1)
    settings = load_settings(environ={}, overrides=layer)
    async with Session(settings, plugins, clock) as session:
        book = session.bus.subscribe("effects/#")
        for text in ("hello", "hello", "break", "break", "long"):
            await session.bus.publish("text", Text(text), source="test")
            await clock.advance(0.001)
        await session.bus.publish("system/interrupted", Interrupted("stop"), source="test")
        await session.settled()
        states = []
        while (event := book.get_nowait()) is not None:
            states.append((event.payload.effect_id, event.payload.state, event.parents))
    assert Speaks.did == ["hello", "break", "long"]
    ends = [(effect, state) for effect, state, _ in states if state not in ("requested", "started")]
    assert ends == [("hello", "done"), ("break", "failed"), ("long", "unknown")]
    assert states[0] == ("hello", "requested", ("test#0",))

"""What an agent does in an environment is in the effects ledger, each step at most once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from faulty_environments import Steady

from sensorium import Session, VirtualClock
from sensorium.cli.replay import replay
from sensorium.payloads import Effect
from sensorium.recording.reader import open_recording
from sensorium_sims.suite import play, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.plugins import Plugins
    from sensorium.settings import Layer, Settings

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


def planned(**options: Any) -> Layer:
    return {"components": {"planner": {"options": options}}}


async def run(
    settings: Settings, plugins: Plugins, *, stop_when: Any = None, hear: Any = None
) -> list[Any]:
    """Every event about an effect or the end of an episode, in order."""
    clock = VirtualClock()
    events: list[Any] = []

    def listen(event: Any) -> None:
        events.append(event)
        if hear is not None:
            hear(event.payload)

    async with Session(settings, plugins, clock) as session:
        tap = session.bus.tap(listen, name="test")
        moving = session.scope.spawn(clock.run(), name="moving")
        if stop_when is None:
            await session.wait()
        else:
            await stop_when()
        await session.stop()
        moving.cancel()
        tap.close()
    return [e for e in events if e.topic.startswith(("effects/", "sim/", "plan/"))]


def effects(events: list[Any], *states: str) -> list[Effect]:
    found = [e.payload for e in events if isinstance(e.payload, Effect)]
    return [e for e in found if e.state in states] if states else found


async def test_every_step_is_requested_started_and_done(plugins: Plugins, steady: str) -> None:
    settings = settings_for("fixed", {"id": steady, "episodes": 2}, planned(steps=["1", "2"]))
    events = await run(settings, plugins)
    told = effects(events)
    assert [e.state for e in told] == ["requested", "started", "done"] * 8
    done = effects(events, "done")
    assert len({e.effect_id for e in done}) == 8
    assert [e.request["action"] for e in done] == ["1"] * 8
    assert done[0].request == {"environment": "environment", "index": 0, "action": "1"}
    assert {(e.component, e.name) for e in done} == {("act", "act")}
    assert [e.requested_at / 1e9 for e in done[:4]] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert all(e.requested_at <= e.started_at <= e.ended_at for e in done)
    plans = {e.id: e for e in events if e.topic.startswith("plan/")}
    first = next(e for e in events if isinstance(e.payload, Effect))
    assert plans[first.parents[0]].originating_time == first.originating_time
    ended = [e.payload.actions for e in events if e.topic.endswith("/ended")]
    assert ended == [("1",) * 4] * 2  # nothing was done that is not in the ledger


async def test_what_a_newer_plan_replaced_was_never_begun(plugins: Plugins, steady: str) -> None:
    layer = planned(steps=["2", "1", "0"], every=2)
    done = effects(await run(settings_for("fixed", {"id": steady}, layer), plugins), "done")
    assert [e.request["action"] for e in done] == ["2", "1", "2", "1"]
    assert [e.effect_id.split()[-1] for e in done] == ["0", "1", "0", "1"]


async def test_free_running_enters_what_was_asked_for_and_nothing_else(
    plugins: Plugins, steady: str
) -> None:
    """The idle action is the environment's own; the late answer is carried out once."""
    options = {"id": steady, "mode": "free", "rate_hz": 10, "idle_action": "0"}
    events = await run(settings_for("fixed", options, planned(think_s=0.25)), plugins)
    (ended,) = [e.payload for e in events if e.topic.endswith("/ended")]
    assert ended.actions == ("0", "0", "1", "0")
    assert [e.request["action"] for e in effects(events, "done")] == ["1"]


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        ("raise", "failed", "in the physics"),
        ("nan", "failed", "not a number"),
        ("hang", "unknown", "did not return within 0.3 s"),
    ],
)
async def test_a_step_that_goes_wrong_ends_by_its_name(
    plugins: Plugins, steady: str, fault: str, state: str, words: str
) -> None:
    options = {"id": steady, "seed": 1, "options": {"fault": fault}, "step_limit_s": 0.3}
    events = await run(settings_for("fixed", options), plugins)
    (ended,) = [e.payload for e in events if e.topic.endswith("/ended")]
    assert ended.ending == "failed"  # the fault happened
    over = effects(events, "done", "failed", "unknown", "cancelled")
    assert [e.state for e in over] == ["done", state]
    assert words in over[-1].detail


async def test_a_step_that_the_session_s_end_interrupts_is_unknown(
    plugins: Plugins, steady: str
) -> None:
    waiting: list[Steady] = []
    go_wrong = Steady._go_wrong
    loop, waits = asyncio.get_running_loop(), asyncio.Event()

    def noted(self: Steady, observation: Any, reward: Any) -> Any:
        waiting.append(self)
        loop.call_soon_threadsafe(waits.set)
        return go_wrong(self, observation, reward)

    def release(payload: Any) -> None:
        if isinstance(payload, Effect) and payload.state == "unknown":
            waiting[0].release.set()

    options = {"id": steady, "seed": 1, "options": {"fault": "wait"}, "step_limit_s": 20}
    Steady._go_wrong = noted  # type: ignore[method-assign]
    try:
        settings = settings_for("fixed", options)
        events = await run(settings, plugins, stop_when=waits.wait, hear=release)
    finally:
        Steady._go_wrong = go_wrong  # type: ignore[method-assign]
    over = effects(events, "done", "failed", "unknown", "cancelled")
    assert [e.state for e in over] == ["done", "unknown"]
    assert [e.state for e in effects(events)][-3:] == ["requested", "started", "unknown"]


async def test_two_actuators_do_a_step_once(plugins: Plugins, steady: str, caplog: Any) -> None:
    """Both hand on every plan of one step, and each world's step is done for one of them."""
    layer = {
        "components": {
            "twin": {"use": "environment_actuator", "options": {"environment": "environment"}}
        }
    }
    events = await run(settings_for("fixed", {"id": steady}, layer), plugins)
    (ended,) = [e.payload for e in events if e.topic.endswith("/ended")]
    assert ended.actions == ("1",) * 4
    assert len(effects(events, "started")) == 4
    assert {e.component for e in effects(events)} <= {"act", "twin"}


async def test_a_plan_that_comes_again_is_not_done_again(plugins: Plugins, steady: str) -> None:
    """The same event, handed over twice, after its step was done: refused, and the world waits."""
    from sensorium_sims.bridge.actuator import EnvironmentActuator

    process = EnvironmentActuator.process
    seen: list[Any] = []

    async def again(self: Any, event: Any, emit: Any) -> None:
        if seen:
            await process(self, seen[-1], emit)  # what was done a moment ago
            self.context.spawn(later(self, event, emit), name="the new plan, later")
        else:
            await process(self, event, emit)
        seen.append(event)

    async def later(self: Any, event: Any, emit: Any) -> None:
        await self.context.clock.sleep(0.5)
        await process(self, event, emit)

    EnvironmentActuator.process = again  # type: ignore[method-assign]
    try:
        events = await run(settings_for("fixed", {"id": steady}), plugins)
    finally:
        EnvironmentActuator.process = process  # type: ignore[method-assign]
    (ended,) = [e.payload for e in events if e.topic.endswith("/ended")]
    assert len(seen) == 4
    assert ended.actions == ("1",) * 4
    started = effects(events, "started")
    assert len({e.effect_id for e in started}) == len(started) == 4


async def test_with_a_journal_each_session_s_world_is_a_new_one(
    plugins: Plugins, steady: str, tmp_path: Path
) -> None:
    """Events are counted from 0 in each: without the world's number the second could not act."""
    journal = tmp_path / "effects.jsonl"
    layer = {"effects": {"journal": str(journal)}}
    settings = settings_for("fixed", {"id": steady}, layer)
    for world in (1, 2):
        events = await run(settings, plugins)
        assert [e.effect_id.split(":")[0] for e in effects(events, "done")] == [
            f"environment {world}"
        ] * 4
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len({line["effect_id"] for line in lines}) == 8


def test_the_recording_holds_the_ledger_and_a_replay_is_dry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.mcap"
    layer = {"components": {"recorder": {"options": {"path": str(path)}}}}
    options = {"id": "BabyAI-GoToLocal-v0", "episodes": 2, "max_steps": 10}
    played = asyncio.run(play(settings_for("random", options, layer)))
    with open_recording(path) as recording:
        recorded = [e.payload for e in recording.events(topics=["effects/#"])]
    done = [e.request["action"] for e in recorded if e.state == "done"]
    assert done == [action for episode in played.episodes for action in episode.actions]
    assert len(recorded) == 3 * len(done)
    made: list[Any] = []
    monkeypatch.setattr("sensorium_sims.bridge.inside.make", lambda *a, **k: made.append(a))
    result = CliRunner().invoke(replay, [str(path), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["divergence"] is None
    assert made == []  # no world was made, so nothing can have been done in one

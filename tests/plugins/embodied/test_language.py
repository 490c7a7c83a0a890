"""A language model chooses, and never anything that is no action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hostile_worlds import everything, payloads

from sensorium import Model, VirtualClock, hookimpl, load_plugins
from sensorium.payloads import Audio, Observation, Plan
from sensorium.testing import run_component
from sensorium_models.language.llama import LlamaModel
from sensorium_plugins.embodied.gridmap import GridMap, Seen
from sensorium_plugins.embodied.language import Language
from sensorium_plugins.embodied.language_skills import choices_of
from sensorium_plugins.embodied.payloads import PlanFailed, Senses
from sensorium_plugins.embodied.telling import actions_of, tell
from sensorium_sims.balrog import environment_id
from sensorium_sims.bridge.payloads import EpisodeEnded, EpisodeStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sensorium.plugins import Plugins

WHERE = ("environment", 0, 0)
GRID_WORDS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
ASKED: list[dict[str, Any]] = []
ANSWER: list[Callable[[dict[str, Any]], str]] = []


class Scripted(Model[Any, Any]):
    """Answers as its test says."""

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, batch: Sequence[Any]) -> list[Any]:
        ASKED.extend(batch)
        return [{"text": ANSWER[-1](request)} for request in batch]


class ScriptedPlugin:
    @hookimpl
    def sensorium_register_models(self, registry: Any) -> None:
        registry.add("scripted", Scripted)


@pytest.fixture(scope="module")
def scripted() -> Plugins:
    return load_plugins(extra=[("scripted", ScriptedPlugin())])


@pytest.fixture(autouse=True)
def forgotten() -> None:
    ASKED.clear()
    ANSWER.clear()


def with_model(**options: Any) -> dict[str, Any]:
    return {"components": {"planner": {"options": {"model": "scripted", **options}}}}


async def test_it_is_told_the_goal_the_actions_and_what_it_saw_and_did(scripted: Plugins) -> None:
    ANSWER.append(lambda request: request["choices"][len(ASKED) % 2])
    world = {"id": environment_id("goto"), "max_steps": 40}
    events = await everything("language", world, scripted, with_model(history=6))
    (ended,) = payloads(events, EpisodeEnded)
    assert set(ended.actions) == {"left", "right"}
    assert len(ASKED) == ended.steps
    assert len({request["seed"] for request in ASKED}) == ended.steps  # each draws for itself
    for number, request in enumerate(ASKED):
        first, *told, last = request["messages"]
        assert ended.actions[number] in {"left", "right"}
        assert "Your goal is to go to the green key" in first["content"]
        assert "toggle: open or close the door" in first["content"]
        assert request["choices"] == list(actions_of(GRID_WORDS))
        assert len(told) // 2 <= 6
        assert [m["role"] for m in told] == ["user", "assistant"] * (len(told) // 2)
        assert last["content"].endswith("Action:")
    kept = [len(request["messages"]) // 2 - 1 for request in ASKED[:12]]
    assert kept == [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5]  # the older half goes at once
    again = await everything("language", world, scripted, with_model(history=6))
    assert payloads(again, EpisodeEnded)[0].actions == ended.actions


async def test_an_answer_that_is_no_action_is_refused_and_asked_again(scripted: Plugins) -> None:
    ANSWER.append(lambda request: "fly away" if len(ASKED) % 3 else "go forward")
    world = {"id": environment_id("goto"), "max_steps": 5}
    events = await everything("language", world, scripted, with_model(retries=2))
    refused = payloads(events, PlanFailed)
    assert {(f.reason, f.detail) for f in refused} == {("refused", "'fly away' is no action")}
    assert len(refused) == 2 * 5
    (ended,) = payloads(events, EpisodeEnded)
    assert ended.actions == ("forward",) * 5
    corrected = ASKED[1]["messages"]
    assert corrected[-2] == {"role": "assistant", "content": "fly away"}
    assert "none of the actions: turn left" in corrected[-1]["content"]


async def test_nothing_but_refusals_is_outside_the_action_space(scripted: Plugins) -> None:
    ANSWER.append(lambda request: "fly away")
    world = {"id": environment_id("goto"), "episodes": 2}
    events = await everything("language", world, scripted, with_model(retries=1))
    assert len(payloads(events, PlanFailed)) == 4
    ended = payloads(events, EpisodeEnded)
    assert [e.error_kind for e in ended] == ["OutsideActionSpace"] * 2
    assert [e.success for e in ended] == [False, False]
    assert "'fly away' is no action; there are: left, right" in ended[0].error


async def test_or_the_fallback_is_done(scripted: Plugins) -> None:
    ANSWER.append(lambda request: "")
    world = {"id": environment_id("goto"), "max_steps": 3}
    layer = with_model(retries=0, fallback="forward")
    (ended,) = payloads(await everything("language", world, scripted, layer), EpisodeEnded)
    assert ended.actions == ("forward",) * 3


async def test_any_world_with_named_actions_can_be_told(scripted: Plugins) -> None:
    ANSWER.append(lambda request: request["choices"][0])
    world = {"id": "sensorium/AVWorld-Refer-v0", "max_steps": 4}
    events = await everything("language", world, scripted, with_model())
    (ended,) = payloads(events, EpisodeEnded)
    assert ended.steps == 4
    assert ASKED[0]["choices"] == ["left", "right", "forward", "pick up", "drop", "stop"]
    said = ASKED[0]["messages"][-1]["content"]
    assert "carry: " in said
    assert "you hear something" in said
    assert "Your goal is to find the " in ASKED[0]["messages"][0]["content"]


def test_numbers_and_the_louder_side_are_told() -> None:
    loud, quiet = (Audio(np.full(160, level, np.float32), 16_000) for level in (0.2, 0.1))
    state = {"pole": Observation(np.array([0.25, -1], np.float32))}
    senses = Senses(*WHERE, 0, 0.0, False, None, loud, (quiet, loud), "", state, {"touch": 1})
    told = tell(senses, ("0", "1"))
    assert told == "touch: 1\npole: 0.25, -1.00\nyou hear something on your right"


def test_only_what_can_be_done_now_is_offered() -> None:
    known = GridMap()
    known._learn((1, 0), Seen(6, 0))
    known._learn((2, 0), Seen(4, 2, 1))
    assert choices_of(known) == [
        "look around", "go to the blue door", "open the blue door",
        "go to the red ball", "pick up the red ball",
    ]  # fmt: skip
    known.take(6, 0)
    assert choices_of(known) == [
        "look around", "go to the blue door", "open the blue door",
        "put the red ball next to the blue door",
    ]  # fmt: skip


async def test_skills_that_are_chosen_are_carried_out(scripted: Plugins, capsys: Any) -> None:
    def wanted(request: dict[str, Any]) -> str:
        goal = request["messages"][-1]["content"].split(": ", 1)[1].split(".")[0]
        fetch = "pick up " + goal[len("put ") :].split(" next to ")[0]
        return next((c for c in (goal, fetch) if c in request["choices"]), "look around")

    ANSWER.append(wanted)
    world = {"id": environment_id("putnext"), "episodes": 6}
    events = await everything("language_skills", world, scripted, with_model())
    assert [e.success for e in payloads(events, EpisodeEnded)] == [True] * 6
    assert len(ASKED) < len(payloads(events, Senses)) / 3  # a skill is many actions
    goals = {plan.goal for plan in payloads(events, Plan)}
    assert any(goal.startswith("put the ") for goal in goals)


async def test_what_no_skill_is_becomes_looking_around(scripted: Plugins, capsys: Any) -> None:
    ANSWER.append(lambda request: "dance")
    world = {"id": environment_id("goto"), "max_steps": 20}
    events = await everything("language_skills", world, scripted, with_model())
    assert {plan.goal for plan in payloads(events, Plan)} == {"look around"}


@pytest.mark.models
async def test_the_stores_model_gives_nothing_but_actions() -> None:
    model = LlamaModel()
    model.load("cpu")
    models = {"language_model": lambda request: model.infer([request])[0]}
    view = np.zeros((7, 7, 3), np.float32)
    view[3, 2] = 6, 0, 0
    seen = {"image": Observation(view.ravel())}
    goal = "go to the red ball"
    try:
        async with run_component(Language, models=models, clock=VirtualClock()) as harness:
            started = EpisodeStarted(*WHERE, 7, "lab/Maze-v0", goal, GRID_WORDS, "Discrete(7)")
            await harness.send("sim/environment/0/started", started)
            for step in range(2):
                senses = Senses(
                    *WHERE, step, 0, False, None, None, (), goal, seen, {"direction": 0}
                )
                await harness.send("senses/environment/0", senses)
                await harness.settled()
            plans = [e.payload.steps for e in harness.events_on("plan/environment/0")]
            refused = harness.events_on("plan_failed/environment/0")
    finally:
        model.unload()
    assert len(plans) == 2
    assert {step for steps in plans for step in steps} <= set(GRID_WORDS)
    assert not refused

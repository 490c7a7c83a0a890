"""The table top: Gymnasium's checker, its rules, its agents over the bus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sensorium.errors import BadInput, MissingDependency
from sensorium_agents.embodied import compose
from sensorium_sims.direct import expert_of, guessing, run_direct
from sensorium_sims.mujoco.env import ID, TableTop, TableTopExpert
from sensorium_sims.mujoco.pushing import Pusher
from sensorium_sims.suite import Played, play

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


def made(**options: Any) -> TableTop:
    try:
        return TableTop(**options)
    except MissingDependency as error:
        pytest.skip(str(error))


@pytest.fixture
def table() -> Iterator[TableTop]:
    env = made()
    yield env
    env.close()


async def played(plugins: Plugins, planner: str, unplugged: Any = (), **options: Any) -> Played:
    made().close()
    settings = compose(planner, {"id": ID, **options}, plugins, unplugged=unplugged)
    return await play(settings, plugins)


def test_gymnasium_s_checker_is_content() -> None:
    env = gymnasium.make(ID, render_mode="rgb_array") if made().close() is None else None
    assert env is not None
    check_env(env.unwrapped)
    env.close()


async def test_the_oracle_over_the_bus_does_as_in_a_plain_loop(plugins: Plugins) -> None:
    over_bus = (await played(plugins, "oracle", episodes=6, seed=40)).episodes
    registry = plugins.environments
    plain = run_direct(ID, expert_of(registry, ID), episodes=6, seed=40, registry=registry)
    assert [e.success for e in over_bus] == [True] * 6
    assert [(e.seed, e.actions, e.rewards) for e in over_bus] == [
        (e.seed, e.actions, e.rewards) for e in plain
    ]
    assert all(0 < e.figures["shortest_path"] <= e.figures["path_length"] + 0.01 for e in over_bus)


async def test_guesses_over_the_bus_are_those_of_a_plain_loop(plugins: Plugins) -> None:
    over_bus = (await played(plugins, "random", episodes=2, seed=9, max_steps=30)).episodes
    registry = plugins.environments
    plain = run_direct(ID, guessing, episodes=2, seed=9, registry=registry)
    assert [e.steps for e in over_bus] == [30, 30]
    assert [e.actions for e in over_bus] == [e.actions[:30] for e in plain]


async def test_by_sight_alone_cubes_are_pushed_home(plugins: Plugins) -> None:
    side_by_side = await played(plugins, "push_by_sight", episodes=8, seed=20, count=2)
    assert [e.success for e in side_by_side.episodes] == [True] * 8
    varied = {"light": "varied"}
    dim = await played(plugins, "push_by_sight", episodes=4, seed=70, options=varied)
    assert [e.success for e in dim.episodes] == [True] * 4


async def test_in_free_time_too(plugins: Plugins) -> None:
    free = await played(plugins, "push_by_sight", episodes=3, seed=5, mode="free", rate_hz=10)
    assert [e.success for e in free.episodes] == [True] * 3
    assert sum(e.steps for e in free.episodes) > 30


@pytest.mark.parametrize("sensor", ["camera", "text", "state"])
async def test_without_a_sense_the_finger_stays_where_it_is(plugins: Plugins, sensor: str) -> None:
    (episode,) = (
        await played(plugins, "push_by_sight", [sensor], episodes=1, max_steps=5)
    ).episodes
    assert not episode.success
    assert {tuple(json.loads(action)) for action in episode.actions} == {(0.0, 0.0, 0.0)}


def test_another_cube_or_another_target_is_wrong(table: TableTop) -> None:
    for wrong in ("cube", "target"):
        info: dict[str, Any] = {}
        for seed in range(9):  # until nothing stands in the way of what was not meant
            info = push_wrongly(table, seed, wrong)
            if info["wrong_object"]:
                break
        assert (info["wrong_object"], info["is_success"]) == (True, False), wrong


def push_wrongly(env: TableTop, seed: int, wrong: str) -> dict[str, Any]:
    env.reset(seed=seed)
    assert env.layout is not None
    colour, side, over = env.layout.colour, env.layout.side, False
    if wrong == "cube":
        colour = next(c for c in env.layout.cubes if c != colour)
    else:
        side = "left" if side == "right" else "right"
    pusher, target = Pusher(), np.array(env.layout.targets[side])
    info: dict[str, Any] = {}
    while not over:
        action = pusher.act(env.finger, env.cube(colour), target)
        _, reward, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        assert reward == 0 or info["is_success"]
    return info


def test_light_changes_what_is_seen_and_nothing_else(table: TableTop) -> None:
    dim = made(light="varied")
    seen = []
    for env in (table, dim):
        env.reset(seed=3)
        expert = TableTopExpert(env)
        for _ in range(8):
            observation, *_ = env.step(expert.act(None))
        seen.append(observation)
    dim.close()
    assert np.array_equal(seen[0]["finger"], seen[1]["finger"])
    difference = seen[0]["camera"].astype(int) - seen[1]["camera"]
    assert abs(difference).mean() > 3


def test_senses_can_be_taken_away() -> None:
    env = made(without=("camera", "finger", "mission"))
    observation, _ = env.reset(seed=1)
    assert not observation["camera"].any()
    assert not observation["finger"].any()
    assert observation["mission"] == ""
    env.close()


def test_another_thread_may_look(table: TableTop) -> None:
    here = table.reset(seed=2)[0]["camera"]
    there: list[Any] = []

    def look() -> None:
        there.append(table.reset(seed=2)[0]["camera"])

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert np.array_equal(here, there[0])


def test_what_is_outside_is_refused(table: TableTop) -> None:
    with pytest.raises(BadInput, match="reset"):
        table.step(np.zeros(3, np.float32))
    table.reset(seed=0)
    for action in (np.zeros(2), np.array([0, np.nan, 0])):
        with pytest.raises(BadInput, match="three finite numbers"):
            table.step(action)
    for options in ({"light": "dark"}, {"size": 8}, {"max_steps": 0}, {"without": ("nose",)}):
        with pytest.raises(BadInput, match="TableTop"):
            made(**options)

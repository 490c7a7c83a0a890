"""The map that an agent makes of its views is the world's, wherever it has looked."""

from __future__ import annotations

import random
from typing import Any

import gymnasium
import numpy as np
import pytest
from minigrid.core.world_object import Ball
from minigrid.envs.babyai.core.verifier import ObjDesc

from sensorium.errors import BadInput
from sensorium_plugins.embodied.gridmap import GridMap, Seen, cells_of
from sensorium_plugins.embodied.instruction import Described

WORDS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")


def changed_by(world: Any, number: int) -> bool:
    """What the world itself says of an action: whether it changed anything."""
    before = (
        tuple(world.agent_pos),
        world.agent_dir,
        world.carrying,
        world.grid.encode().tobytes(),
    )
    world.step(number)
    after = (tuple(world.agent_pos), world.agent_dir, world.carrying, world.grid.encode().tobytes())
    return before != after


@pytest.mark.parametrize("compass", [True, False])
@pytest.mark.parametrize(
    "level", ["BabyAI-BossLevel-v0", "BabyAI-UnlockLocal-v0", "BabyAI-GoToLocalS8N7-v0"]
)
def test_map_pose_hands_and_failures_are_the_worlds(level: str, compass: bool, capsys: Any) -> None:
    env = gymnasium.make(level, disable_env_checker=True)
    outcomes = set()
    for seed in range(3):
        observation, _ = env.reset(seed=seed)
        world: Any = env.unwrapped
        x0, y0 = (int(n) for n in world.agent_pos)
        known = GridMap(int(world.agent_dir))
        known.look(observation["image"].astype(np.int64))
        chance = random.Random(seed)
        for _ in range(150):
            number = chance.choices(range(7), weights=(2, 2, 6, 3, 2, 3, 1))[0]
            did = changed_by(world, number)
            view = world.gen_obs()["image"].astype(np.int64)
            outcome = known.follow(WORDS[number], view, world.agent_dir if compass else None)
            outcomes.add(outcome)
            assert (outcome == "done") == (did or WORDS[number] == "done"), (seed, WORDS[number])
            assert (known.at[0] + x0, known.at[1] + y0) == tuple(world.agent_pos)
            assert known.heading == world.agent_dir
            held = None if known.carried is None else str(known.carried)
            carried = world.carrying
            assert held == (carried and f"{carried.color} {carried.type}")
        for (x, y), seen in known.cells.items():
            cell = world.grid.get(x + x0, y + y0)
            assert seen == ((1, 0, 0) if cell is None else cell.encode())
    env.close()
    assert outcomes == {"done", "blocked", "no_effect"}


def test_places_are_those_of_the_start_and_of_the_room_it_began_in(capsys: Any) -> None:
    env = gymnasium.make("BabyAI-GoTo-v0", disable_env_checker=True)
    for seed in range(4):
        env.reset(seed=seed)
        world: Any = env.unwrapped
        x0, y0 = (int(n) for n in world.agent_pos)
        known = GridMap(int(world.agent_dir))
        everything = world.grid.encode()
        for x in range(world.width):  # it knows all there is, so all descriptions can be compared
            for y in range(world.height):
                known._learn((x - x0, y - y0), Seen(*(int(n) for n in everything[x, y])))
        for place in (None, "front", "behind", "left", "right"):
            for kind in ("ball", "door", None):
                _, theirs = ObjDesc(kind, None, place).find_matching_objs(world)
                wanted = {
                    (x - x0, y - y0) for x, y in theirs if world.grid.get(x, y).type != "wall"
                }
                ours = {thing.at for thing in known.matching(Described(kind, None, place))}
                assert ours == wanted, (seed, place, kind)
    env.close()


def test_a_moved_thing_stays_the_same_thing(capsys: Any) -> None:
    env = gymnasium.make("BabyAI-GoToObj-v0", disable_env_checker=True)
    observation, _ = env.reset(seed=0)
    world: Any = env.unwrapped
    known = GridMap(int(world.agent_dir))
    known.look(observation["image"].astype(np.int64))
    front = world.front_pos
    world.grid.set(*front, Ball("grey"))
    known.look(world.gen_obs()["image"].astype(np.int64))
    ball = known.thing_at(known.front)
    assert ball is not None
    for number in (3, 0, 4):  # picked up, carried round, put down
        world.step(number)
        known.follow(WORDS[number], world.gen_obs()["image"].astype(np.int64), None)
    assert known.thing_at(known.front) is ball
    assert ball.origin != ball.at
    env.close()


def test_a_view_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="12 numbers"):
        cells_of(np.zeros(12, np.float32))
    with pytest.raises(BadInput, match="N odd"):
        cells_of(np.zeros(48, np.float32))

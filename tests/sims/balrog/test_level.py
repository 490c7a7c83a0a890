"""The five tasks are what BALROG's BabyAI is, and can be solved."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from minigrid.envs.babyai.core.verifier import pos_next_to

from sensorium.errors import EnvironmentFailed
from sensorium_sims.balrog import TASKS, environment_id, register
from sensorium_sims.balrog.level import DOOR_COLORS, LEFT_OUT, MixedTrainLocal
from sensorium_sims.balrog.protocol import tasks
from sensorium_sims.experts import BabyAIExpert

SAYS = {
    "goto": r"go to the (\w+) (ball|box|key)",
    "pickup": r"pick up the (\w+) (ball|box|key)",
    "open": r"open the (\w+ )?door",
    "putnext": r"put the (\w+) (ball|box|key) next to the (\w+) (ball|box|key)",
    "pick_up_seq_go_to": r"(pick up the? .*, then go to .*|go to .* after you pick up .*)",
}
THINGS = {"goto": 1, "pickup": 1, "open": 2, "putnext": 2, "pick_up_seq_go_to": 2}


def made(task: str, **options: Any) -> Any:
    register()
    return gymnasium.make(environment_id(task), disable_env_checker=True, **options)


def things_in(world: Any) -> list[Any]:
    return [cell for cell in world.grid.grid if cell is not None and cell.type != "wall"]


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_as_described(task: str, capsys: Any) -> None:
    env = made(task)
    (limit,) = {t.limit for t in tasks() if t.name == task}
    missions = set()
    for seed in range(40):
        observation, _ = env.reset(seed=seed)
        world = env.unwrapped
        assert world.max_steps == limit
        missions.add(observation["mission"])
        things = things_in(world)
        assert len(things) == THINGS[task]  # no distractors
        if task == "open":
            (door,) = [t for t in things if t.type == "door"]
            (key,) = [t for t in things if t.type == "key"]
            assert (door.is_locked, door.color) == (True, key.color)
            assert door.color in DOOR_COLORS
        else:
            assert not {(t.type, t.color) for t in things} & LEFT_OUT
        if task == "putnext":
            assert not pos_next_to(*(t.cur_pos for t in things))
    env.close()
    assert all(re.fullmatch(SAYS[task].replace("the", "(?:the|a)"), said) for said in missions)
    assert len(missions) > 4


@pytest.mark.parametrize("task", TASKS)
def test_the_bot_solves_it_and_the_score_says_so(task: str, capsys: Any) -> None:
    env = made(task)
    for seed in range(6):
        env.reset(seed=seed)
        expert, action, ended = BabyAIExpert(env), None, False
        while not ended:
            action = expert.act(action)
            _, reward, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
            assert info["is_success"] == (reward > 0)
        assert info["is_success"]
    env.close()


def test_the_same_seed_is_the_same_episode(capsys: Any) -> None:
    env, other = made("putnext"), made("putnext")
    for seed in (3, 1, 3):
        first, second = env.reset(seed=seed)[0], other.reset(seed=seed)[0]
        assert first["mission"] == second["mission"]
        assert env.unwrapped.grid == other.unwrapped.grid
    env.close()
    other.close()


def test_gymnasium_makes_a_task_by_its_module() -> None:
    code = "import gymnasium; e = gymnasium.make('sensorium_sims.balrog:sensorium/BALROG-open-v0');"
    code += "e.reset(seed=0); print(e.unwrapped.task)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "open"


def test_distractors_are_an_option(capsys: Any) -> None:
    env = made("goto", num_dists=5)
    env.reset(seed=1)
    assert len(things_in(env.unwrapped)) == 6
    env.close()


def test_gymnasiums_checker_is_content(capsys: Any) -> None:
    env = made("open")
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_an_unknown_task_names_those_there_are() -> None:
    with pytest.raises(EnvironmentFailed, match="no task 'fly'; there are: goto, pickup"):
        MixedTrainLocal(task="fly")

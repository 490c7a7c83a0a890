"""Demonstrations in shards, and what is learned from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sensorium.errors import BadInput, SimulationError
from sensorium.plugins import load_plugins
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium_models.policies import demonstrations
from sensorium_models.policies.cloning import clone
from sensorium_models.policies.demonstrations import SEEDS, SHARD, Demonstrations, gather

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = "BabyAI-GoToRedBallNoDists-v0"


@pytest.fixture(scope="module")
def registry() -> EnvironmentRegistry:
    return load_plugins().environments


class Room(gymnasium.Env[Any, Any]):
    """Done after two steps; on every tenth seed its expert thinks for ever, or is wrong."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(
            {"image": spaces.Box(0, 255, (7, 7, 3), np.uint8), "mission": spaces.Text(20)}
        )
        self.action_space = spaces.Discrete(7)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seed, self.step_count = seed or 0, 0
        return self._see(), {}

    def step(self, action: Any) -> Any:
        self.step_count += 1
        done = self.step_count == 2
        return self._see(), float(done and action == 3), done, False, {}

    def _see(self) -> dict[str, Any]:
        return {"image": np.full((7, 7, 3), self.step_count, np.uint8), "mission": "go there"}


class Expert:
    def __init__(self, environment: Any) -> None:
        self._seed = environment.unwrapped.seed

    def act(self, last: Any) -> int:
        while self._seed == SEEDS + 7:  # in a loop that never ends, as BabyAI's bot can be
            pass
        return 2 if self._seed % 10 == 5 else 3


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> EnvironmentRegistry:
    monkeypatch.setattr(demonstrations, "RESET_LIMIT_S", 0.5)  # its first advice is in the reset
    registry = EnvironmentRegistry()
    registry.add("lab/Room-v0", Room, success="reward", expert=f"{__name__}:Expert")
    return registry


def test_shards_are_played_once_and_found_again(
    tmp_path: Path, registry: EnvironmentRegistry
) -> None:
    told: list[Any] = []
    first = gather(LEVEL, 150, 1, tmp_path, registry, lambda *at: told.append(at))
    (shard,) = tmp_path.iterdir()
    written = shard.stat().st_mtime_ns
    again = gather(LEVEL, 250, 1, tmp_path, registry, lambda *at: told.append(at))
    assert shard.stat().st_mtime_ns == written
    assert len(list(tmp_path.iterdir())) == 2
    assert told == [(150, 150), (200, 250), (250, 250)]
    assert (len(first), len(again)) == (150, 250)
    assert first.missions == again.missions[:150]
    assert np.array_equal(first.views, again.views[: len(first.views)])
    assert first.lengths.sum() == len(first.actions) == len(first.views)
    other = gather(LEVEL, 10, 2, tmp_path, registry)
    assert not np.array_equal(other.views[:50], first.views[:50])  # another seed, other episodes


def test_a_shard_that_is_damaged_is_named(tmp_path: Path, registry: EnvironmentRegistry) -> None:
    gather(LEVEL, 5, 0, tmp_path, registry)
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(BadInput, match=shard.name):
        gather(LEVEL, 5, 0, tmp_path, registry)


def test_what_cannot_be_shown_is_refused(tmp_path: Path, registry: EnvironmentRegistry) -> None:
    with pytest.raises(BadInput, match="1,000,000"):
        gather(LEVEL, SEEDS + 1, 0, tmp_path, registry)
    with pytest.raises(SimulationError, match="no expert"):
        gather("CartPole-v1", 5, 0, tmp_path, registry)
    with pytest.raises(BadInput, match="7x7"):
        gather("sensorium/AVWorld-Refer-v0", 5, 0, tmp_path, registry)
    assert not list(tmp_path.iterdir())


def tidy(count: int) -> Demonstrations:
    """What is seen says what to do: the object in the middle of the view."""
    random = np.random.default_rng(0)
    lengths = random.integers(1, 5, count).astype(np.int32)
    actions = random.integers(0, 7, lengths.sum()).astype(np.uint8)
    views = np.zeros((len(actions), 7, 7, 3), np.uint8)
    views[:, 3, 3, 0] = actions
    return Demonstrations(views, actions, lengths, ("go",) * count, tuple("abcdefg"))


def test_cloning_learns_what_can_be_seen_and_is_the_same_for_a_seed() -> None:
    reports: list[Any] = []
    shown = tidy(400)
    one = clone(shown, seed=3, minutes=2, passes=25, on_progress=reports.append)
    assert one.agreement > 0.95
    assert one.held_back == 8
    assert one.passes == 25.0
    assert reports[-1].share == 1.0
    short = [clone(shown, seed=4, minutes=2, passes=1).network.state_dict() for _ in range(2)]
    assert all(torch.equal(short[0][key], short[1][key]) for key in short[0])


def test_time_ends_training_too() -> None:
    cloned = clone(tidy(400), seed=0, minutes=0.005, passes=10_000)
    assert 0 < cloned.steps < 10_000 * 7
    assert cloned.seconds < 5


def test_too_little_to_learn_from() -> None:
    with pytest.raises(BadInput, match="2 episodes"):
        clone(tidy(1), seed=0, minutes=1, passes=1)


def test_experts_that_hang_or_fail_are_left_out(tmp_path: Path, room: EnvironmentRegistry) -> None:
    shown = gather("lab/Room-v0", SHARD, 0, tmp_path, room)
    wrong = SHARD // 10
    assert shown.left_out == wrong + 1
    assert len(shown) == SHARD - wrong - 1
    assert set(shown.actions) == {3}

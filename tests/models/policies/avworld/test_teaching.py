"""Episodes, their labels, shards of them, and what is learned from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sensorium.errors import BadInput
from sensorium_models.policies.avworld import gathering, playing
from sensorium_models.policies.avworld.chooser import Chooser
from sensorium_models.policies.avworld.choosing import Choices, ChooserTask
from sensorium_models.policies.avworld.gathering import Gathering, gather
from sensorium_models.policies.avworld.mind import Mind
from sensorium_models.policies.avworld.networks import Networks
from sensorium_models.policies.avworld.options import FEATURES, Option
from sensorium_models.policies.avworld.playing import Labeller, play
from sensorium_models.training import Passes, Plan, fit
from sensorium_sims.avworld.env import AVWorld

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untaught.safetensors"
    save_file(Networks().state_dict(), path)
    return path


def test_the_oracle_wins_what_it_shows_and_the_same_seed_is_the_same(untaught: Path) -> None:
    networks = Networks.load(untaught)
    first, again = (
        play(AVWorld("Refer", rooms=1), 7, networks, networks.choose, shown=1.0, keep=True)
        for _ in range(2)
    )
    assert first.success
    assert first.labels == again.labels
    assert all(np.array_equal(a, b) for a, b in zip(first.options, again.options, strict=True))


def test_a_label_is_the_thing_that_is_meant_wherever_the_chart_begins() -> None:
    env = AVWorld("Refer")
    for seed in range(5):
        env.reset(seed=seed)
        world = env.world
        assert world is not None
        labeller, mind = Labeller(world), Mind()
        assert labeller.in_world(0, 0) == pytest.approx((world.x, world.y))
        x0, y0, heading = world.episode.start
        turn = -heading * math.pi / 6
        for index, place in enumerate(world.places):
            dx, dy = place.x - x0, place.y - y0
            x = dx * math.cos(turn) - dy * math.sin(turn)
            y = dx * math.sin(turn) + dy * math.cos(turn)
            assert labeller.in_world(x, y) == pytest.approx((place.x, place.y))
            mind.options.append(Option(x, y, index, 1.0))
        assert labeller.label(mind) == world.episode.target
        del mind.options[world.episode.target]
        assert labeller.label(mind) is None


def test_shards_are_played_once_and_alike_by_any_number_of_processes(
    untaught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SHARD", 1)
    asked = Gathering(untaught, ("AudioGoal",), 2, seed=3, round=0)
    alone = gather(asked, tmp_path / "alone")
    together = gather(asked, tmp_path / "together", workers=2)
    assert alone.episodes == 2
    assert alone.successes == 2
    assert np.array_equal(alone.choices.options, together.choices.options)
    assert set(alone.choices.episodes.tolist()) <= set(range(4_010_000, 4_010_002))
    monkeypatch.setattr(gathering, "play", lambda *_, **__: pytest.fail("played again"))
    assert len(gather(asked, tmp_path / "alone").choices) == len(alone.choices)
    broken = next((tmp_path / "alone").iterdir())
    broken.write_bytes(b"no")
    with pytest.raises(BadInput, match=broken.name):
        gather(asked, tmp_path / "alone")


def test_an_episode_that_takes_too_long_is_left_out_and_counted(
    untaught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "LIMIT_S", 0.0)
    found = gather(Gathering(untaught, ("Refer",), 2, seed=0, round=0), tmp_path)
    assert (found.episodes, found.left_out, len(found.choices)) == (0, 2, 0)


def test_rounds_and_tasks_have_seeds_of_their_own(untaught: Path) -> None:
    seeds = [
        number
        for round_ in (0, 1)
        for _, shard in Gathering(untaught, ("Refer", "Fetch"), 50, 0, round_).shards()
        for number in shard
    ]
    assert len(set(seeds)) == len(seeds) == 200
    assert min(seeds) >= 1_000_000
    with pytest.raises(BadInput, match="10,000"):
        Gathering(untaught, ("Refer",), 20_000, 0, 0).shards()


def choices(count: int, seed: int) -> Choices:
    """The right option is the one whose third number is the largest."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 7, count)
    options = rng.standard_normal((int(counts.sum()), FEATURES)).astype(np.float16)
    ends = np.cumsum(counts)
    labels = [int(options[end - n : end, 2].argmax()) for end, n in zip(ends, counts, strict=True)]
    return Choices(
        options, counts.astype(np.int32), np.array(labels, np.int32), np.arange(count) // 4
    )


def test_the_chooser_learns_what_makes_an_option_right(tmp_path: Path) -> None:
    task = ChooserTask(choices(1500, 0))
    plan = Plan(steps=120, batch=64, learning_rate=3e-3)
    found = fit(task, plan, tmp_path, sampler=Passes(len(task.rows)))
    assert found.figures["right"] > 0.75


def test_options_that_are_not_there_change_nothing() -> None:
    torch.manual_seed(0)
    network = Chooser().eval()
    options = torch.randn(1, 3, FEATURES)
    padded = torch.cat([options, torch.full((1, 2, FEATURES), 9.0)], 1)
    with torch.no_grad():
        alone = network(options, torch.ones(1, 3))
        beside = network(padded, torch.tensor([[1.0, 1, 1, 0, 0]]))
    assert torch.allclose(alone, beside[:, :3], atol=1e-5)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(BadInput, match="two"):
        ChooserTask(choices(1, 0))

"""What is learned from demonstrations, and that a run goes on where it was stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput
from sensorium.plugins import load_plugins
from sensorium_models.policies.babyai import BabyAINetwork
from sensorium_models.policies.cloning import clone
from sensorium_models.policies.coaching import play
from sensorium_models.policies.crew import gather
from sensorium_models.policies.demonstrations import Demonstrations, offsets
from sensorium_models.policies.files import load_network, save_network
from sensorium_models.policies.lessons import ByLength, Cloning
from sensorium_models.policies.teaching import Course, teach

LEVEL = "BabyAI-GoToRedBallNoDists-v0"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine two cost a hundred times as much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tidy(count: int, seed: int = 0) -> Demonstrations:
    """What is seen says what to do: the object in the middle of the view."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, count).astype(np.int32)
    actions = random.integers(0, 7, lengths.sum()).astype(np.uint8)
    views = np.zeros((len(actions), 7, 7, 3), np.uint8)
    views[:, 3, 3, 0] = actions
    missions = tuple(("go", "go to the red ball")[number % 2] for number in range(count))
    return Demonstrations(views, actions, lengths, missions)


def same(one: BabyAINetwork, other: BabyAINetwork) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_batch_of_whole_episodes_has_the_logits_of_each_alone() -> None:
    shown = {"one": tidy(20), "two": tidy(30, 1)}
    task = Cloning(shown, seed=0, memory=24)
    network = task.build(0)
    rows = np.array([3, 40, 22, 0])
    lesson = task.take(rows)
    together = network.replay(lesson.episodes)
    begins = np.concatenate([[0], np.cumsum(task.lengths[rows])])
    for at, row in enumerate(rows):
        from_, number = (shown["one"], row) if row < 20 else (shown["two"], row - 20)
        begin, end = offsets(from_.lengths)[number : number + 2]
        views = torch.from_numpy(from_.views[begin:end].astype(np.int64))[None]
        logits, _ = network(views, network.read(lesson.episodes.tokens[at : at + 1]))
        here = slice(begins[at], begins[at + 1])
        assert torch.allclose(together[here], logits[0], atol=1e-5)
        assert lesson.actions[here].tolist() == from_.actions[begin:end].tolist()


def test_batches_pass_over_all_and_hold_episodes_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1024).astype(np.int32)
    sampler = ByLength(np.arange(1024), lengths)
    batches = [sampler.take(5, start, 64) for start in range(0, 1024, 64)]
    assert sorted(np.concatenate(batches)) == list(range(1024))
    assert np.mean([np.ptp(lengths[rows]) for rows in batches]) < 15
    assert np.array_equal(sampler.take(5, 640, 64), batches[10])
    assert not np.array_equal(sampler.take(6, 640, 64), batches[10])


def test_cloning_learns_what_can_be_seen_of_every_level(tmp_path: Path) -> None:
    shown = {"one": tidy(300), "two": tidy(100, 1)}
    fitted = clone(shown, tmp_path, seed=3, passes=28, rate=2e-3)
    assert fitted.figures["agreement"] > 0.95
    assert fitted.figures["worst_level"] > 0.95
    assert fitted.ended == "steps"
    assert fitted.steps == -(-(294 + 98) * 28 // 64)


DIES = """
import os, signal, sys
from pathlib import Path
from test_teaching import tidy
from sensorium_models.policies.cloning import clone

def die(at):
    if at.step >= 20:
        print(at.step, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

clone({"one": tidy(200)}, Path(sys.argv[1]), seed=4, passes=10, on_progress=die)
"""


def test_a_run_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = clone({"one": tidy(200)}, tmp_path / "whole", seed=4, passes=10)
    killed = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path / "killed")], capture_output=True, check=False,
        cwd=Path(__file__).parent, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 20 <= int(killed.stdout) < whole.steps
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    began: list[int] = []
    resumed = clone(
        {"one": tidy(200)}, tmp_path / "killed", seed=4, passes=10,
        on_progress=lambda at: began.append(at.step),
    )  # fmt: skip
    assert began[0] > 1  # it did not begin anew
    assert resumed.steps == whole.steps
    assert isinstance(resumed.network, BabyAINetwork)
    assert isinstance(whole.network, BabyAINetwork)
    assert same(resumed.network, whole.network)


def test_time_ends_training_too(tmp_path: Path) -> None:
    fitted = clone({"one": tidy(400)}, tmp_path, seed=0, minutes=0.005, passes=10_000)
    assert fitted.ended == "minutes"
    assert fitted.spent_s < 5


def test_too_little_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lonely has fewer"):
        clone({"lonely": tidy(1)}, tmp_path, seed=0, passes=1)
    with pytest.raises(BadInput, match="passes"):
        clone({"one": tidy(9)}, tmp_path, seed=0, passes=0)
    for wrong in (
        {"levels": {}},
        {"levels": {"one": 600_000}},
        {"levels": {"one": 1}, "rounds": -1},
    ):
        with pytest.raises(BadInput):
            Course(**wrong)


def test_weights_in_16_bits_say_what_was_taught(tmp_path: Path) -> None:
    network = BabyAINetwork(40)
    save_network(tmp_path / "one.safetensors", network, ["a", "b"])
    again, levels = load_network(tmp_path / "one.safetensors")
    assert levels == ("a", "b")
    assert again.remembers == 40
    for name, value in network.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value, atol=2e-3)


def test_a_policy_that_knows_nothing_is_taught_by_a_teacher_who_loses_patience() -> None:
    """The bot's advice leads on from wherever a policy that was not taught has got."""
    torch.manual_seed(0)
    registry = load_plugins().environments
    seeds = range(50, 70)
    episodes = {
        episode.seed: episode
        for episode in play(LEVEL, seeds, registry, BabyAINetwork().eval(), taught=True, patience=4)
    }
    assert sorted(episodes) == list(seeds)
    strayed = [e for e in episodes.values() if e.helped]
    assert len(strayed) > 10
    assert all(e.solved and not e.stuck for e in strayed)
    for episode in episodes.values():
        assert len(episode.views) == len(episode.done) == len(episode.advised)
        against = [a != b for a, b in zip(episode.done, episode.advised, strict=True)]
        assert sum(against) <= 4
    alone = play(LEVEL, seeds, registry, BabyAINetwork().eval(), taught=False, side_by_side=3)
    assert all(not episode.advised for episode in alone)


def test_a_round_with_the_teacher_goes_on_from_cloning_and_is_found_again(tmp_path: Path) -> None:
    course = Course({LEVEL: 200}, passes=1, rounds=1, coached=200, round_passes=1, memory=16)
    told: list[str] = []
    taught = teach(course, tmp_path, tell=told.append)
    cloning, coached = taught.rounds
    assert (cloning.episodes, coached.episodes) == (200, 200)
    assert coached.shown[LEVEL].counts["helped"] > 0
    assert coached.fitted.steps > cloning.fitted.steps
    assert any("round 1 200/200" in line for line in told)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    again = teach(course, tmp_path)
    assert same(again.network, taught.network)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    own = gather(LEVEL, 200, 0, tmp_path / "demonstrations")
    assert own.counts["cpu_ms"] > 0

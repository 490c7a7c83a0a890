"""The BabyAI policy: its words, its network, and the model that executors host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium.plugins import load_plugins
from sensorium_agents.embodied import compose
from sensorium_models.policies.babyai import ACTIONS, BabyAINetwork, parameters_of, tokens_of
from sensorium_models.policies.coaching import play
from sensorium_models.policies.files import load_network
from sensorium_models.policies.model import BUNDLED, BabyAIPolicy, BabyAIPolicyOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.files import sha256_of
from sensorium_sims.suite import play as bus_play

if TYPE_CHECKING:
    from pathlib import Path


def test_words_and_padding() -> None:
    tokens = tokens_of(["go to the red ball", "put the sofa next to you, then", ""])
    assert tokens.shape == (3, 8)
    assert (tokens[0] == 0).sum() == 3
    assert tokens[1].tolist().count(1) == 1  # sofa
    assert tokens[2].tolist() == [1] + [0] * 7


def test_an_episode_at_once_is_the_same_as_step_by_step() -> None:
    torch.manual_seed(0)
    network = BabyAINetwork().eval()
    views = torch.randint(0, 12, (2, 5, 7, 7, 3))  # some beyond what it knows
    queries = network.read(tokens_of(["go to the red ball", "open a door"]))
    whole, end = network(views, queries)
    memory, steps = None, []
    for step in range(5):
        logits, memory = network(views[:, step : step + 1], queries, memory)
        steps.append(logits)
    assert whole.shape == (2, 5, ACTIONS)
    assert torch.allclose(whole, torch.cat(steps, 1), atol=1e-5)
    assert torch.allclose(end, memory, atol=1e-5)


def test_padding_of_the_instruction_changes_nothing() -> None:
    network = BabyAINetwork().eval()
    alone = network.read(tokens_of(["open a door"]))
    beside = network.read(tokens_of(["open a door", "put the red ball next to the blue key"]))
    assert torch.allclose(alone[0], beside[0], atol=1e-6)


def request(seed: int, mission: str = "go to the red ball") -> dict:
    random = np.random.default_rng(seed)
    view = random.integers(0, 4, 147).astype(np.float32)
    return {"view": view, "mission": mission, "memory": random.random(128, np.float32)}


def levels_of(name: str) -> tuple[str, ...]:
    return load_network(ModelStore().path(name, f"{name}.safetensors"))[1]


def test_the_bundled_weights_answer_in_batches_as_one_by_one() -> None:
    model = BabyAIPolicy()
    model.load("cpu")
    model.warm_up()
    level = levels_of(BUNDLED[0])[0]
    requests = [
        request(1), request(2, "go to a blue key"), {**request(3), "memory": None},
        {**request(4), "memory": None, "level": level}, {**request(5), "memory": None},
    ]  # fmt: skip
    together = model.infer(requests)
    for asked, answer in zip(requests, together, strict=True):
        (alone,) = model.infer([asked])
        assert alone["action"] == answer["action"]
        assert np.allclose(alone["memory"], answer["memory"], atol=1e-5)
    assert together[3]["policy"] == BUNDLED[0]
    assert model.infer([]) == []
    files = {f"{name}/{name}.safetensors" for name in BUNDLED}
    assert set(BabyAIPolicy.weights(BabyAIPolicyOptions())) == files
    model.unload()
    with pytest.raises(ModelError, match="load"):
        model.infer(requests)


@pytest.mark.parametrize("name", BUNDLED)
def test_weights_are_chosen_by_the_level_and_others_are_told_of(name: str) -> None:
    model = BabyAIPolicy()
    model.load("cpu")
    named = BabyAIPolicy(BabyAIPolicyOptions(weights=name))
    named.load("cpu")
    for level in levels_of(name):
        asked = {**request(1), "memory": None, "level": level}
        (chosen,) = model.infer([asked])
        assert (chosen["policy"], chosen["taught"]) == (name, True)
        (own,) = named.infer([asked])
        assert np.array_equal(own["memory"], chosen["memory"])
    asked["level"] = "BabyAI-KeyInBox-v0"
    assert [m.infer([asked])[0]["taught"] for m in (model, named)] == [False, False]
    assert model.infer([asked])[0]["policy"] == BUNDLED[-1]
    assert list(BabyAIPolicy.weights(named.options)) == [f"{name}/{name}.safetensors"]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_file_is_what_its_card_says(name: str) -> None:
    path = ModelStore().path(name, f"{name}.safetensors")
    assert path.stat().st_size < 2_500_000
    card = path.with_suffix(".md").read_text()
    (digest,) = BabyAIPolicy.weights(BabyAIPolicyOptions(weights=name)).values()
    assert f"`{digest}`" in card
    assert digest == sha256_of(path)
    network, levels = load_network(path)
    assert f"{parameters_of(network):,} parameters" in card
    assert all(f"`{level}`" in card for level in levels)


@pytest.mark.parametrize(
    ("level", "count"), [("BabyAI-PutNextLocal-v0", 12), ("BabyAI-GoTo-v0", 5)]
)
def test_over_the_bus_the_policy_plays_as_in_a_plain_loop(level: str, count: int) -> None:
    """Action by action, by the model that the planner asks and by the network itself."""
    plugins = load_plugins()
    settings = compose("policy", {"id": level, "episodes": count, "seed": 90}, plugins)
    on_bus = asyncio.run(bus_play(settings, plugins)).episodes
    name = next(name for name in BUNDLED if level in levels_of(name))
    network, _ = load_network(ModelStore().path(name, f"{name}.safetensors"))
    words = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
    plain = {
        episode.seed: (tuple(words[action] for action in episode.done), episode.solved)
        for episode in play(
            level, range(90, 90 + count), plugins.environments, network, taught=False
        )
    }
    assert {e.seed: (e.actions, e.success) for e in on_bus} == plain


@pytest.mark.parametrize(
    ("change", "words"), [({"view": np.zeros(9)}, "7x7"), ({"memory": np.zeros(3)}, "(128,)")]
)
def test_what_is_no_view_or_memory_is_refused(change: dict, words: str) -> None:
    model = BabyAIPolicy()
    model.load("cpu")
    with pytest.raises(BadInput) as raised:
        model.infer([{**request(0), **change}])
    assert words in str(raised.value)


def test_files_that_are_no_weights_of_it_are_named(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no")
    for path in (other, broken, tmp_path / "missing.safetensors"):
        model = BabyAIPolicy(BabyAIPolicyOptions(weights=str(path)))
        with pytest.raises(ModelUnavailable, match=path.name):
            model.load("cpu")

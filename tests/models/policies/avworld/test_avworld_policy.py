"""The bundled policy: the model that executors host, alone and in an agent."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium.plugins import load_plugins
from sensorium_agents.embodied import compose
from sensorium_models.policies.avworld.model import (
    NAME,
    WEIGHTS,
    AVWorldPolicy,
    AVWorldPolicyOptions,
)
from sensorium_models.policies.avworld.networks import Networks
from sensorium_models.policies.avworld.playing import play
from sensorium_models.store import ModelStore
from sensorium_sims import suite
from sensorium_sims.avworld.env import AVWorld

SEEDS = range(2, 5)
"""Of episodes that it wins: it loses one in four."""


@pytest.fixture(scope="module")
def model() -> AVWorldPolicy:
    policy = AVWorldPolicy()
    policy.load("cpu")
    return policy


def request_of(observation: dict[str, Any], memory: Any = None) -> dict[str, Any]:
    return {
        "camera": observation["camera"],
        "ears": observation["audio"],
        "mission": observation["mission"],
        "carry": int(observation["carry"]),
        "touch": int(observation["touch"]),
        "memory": memory,
    }


def actions_of(model: AVWorldPolicy, task: Any, seed: int, most: int = 200) -> list[int]:
    env = AVWorld(task)
    observation, _ = env.reset(seed=seed)
    memory, done, actions = None, False, []
    while not done and len(actions) < most:
        (answer,) = model.infer([request_of(observation, memory)])
        memory = answer["memory"]
        actions.append(answer["action"])
        observation, _, terminated, truncated, _ = env.step(answer["action"])
        done = terminated or truncated
    return actions


def test_the_bus_a_direct_loop_and_the_loop_of_training_do_the_same(model: AVWorldPolicy) -> None:
    plugins = load_plugins()
    asked = {"id": "sensorium/AVWorld-Refer-v0", "episodes": len(SEEDS), "seed": SEEDS[0]}
    hosted = {"models": {"avworld_policy": {"placement": "inline"}}}
    played = asyncio.run(suite.play(compose("policy", asked, plugins, hosted), plugins))
    networks = Networks.load(ModelStore().path(NAME, WEIGHTS))
    for seed, episode in zip(SEEDS, played.episodes, strict=True):
        direct = actions_of(model, "Refer", seed)
        assert len(direct) == episode.steps
        trained = play(AVWorld("Refer"), seed, networks, networks.choose)
        assert trained.info["actions"] == len(direct)
        assert trained.success == episode.success
    assert all(episode.success for episode in played.episodes)


def test_requests_side_by_side_are_answered_as_alone(model: AVWorldPolicy) -> None:
    requests = []
    for seed in (1, 2):
        observation, _ = AVWorld("Refer").reset(seed=seed)
        requests.append(request_of(observation))
    together = model.infer(requests)  # type: ignore[arg-type]
    for asked, answer in zip(requests, together, strict=True):
        (alone,) = model.infer([asked])  # type: ignore[list-item]
        assert alone["action"] == answer["action"]
        assert np.array_equal(alone["memory"]["odds"], answer["memory"]["odds"])
    assert model.infer([]) == []


@pytest.mark.parametrize("sense", ["camera", "ears", "mission"])
def test_without_a_sense_it_still_acts(model: AVWorldPolicy, sense: str) -> None:
    env = AVWorld("Refer", rooms=1)
    observation, _ = env.reset(seed=3)
    memory = None
    for _ in range(18):
        asked = request_of(observation, memory) | {sense: "" if sense == "mission" else None}
        (answer,) = model.infer([asked])  # type: ignore[list-item]
        memory = answer["memory"]
        observation, _, terminated, _, _ = env.step(answer["action"])
        if terminated:
            break
    assert memory is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"camera": np.zeros((3, 3, 3), np.uint8)}, "(64, 64, 3)"),
        ({"ears": np.zeros((2, 7), np.float32)}, "(2, 7)"),
        ({"memory": {"pose": 1}}, "memory"),
    ],
)
def test_what_is_no_sense_of_the_world_is_refused(
    model: AVWorldPolicy, change: dict[str, Any], words: str
) -> None:
    observation, _ = AVWorld("Refer").reset(seed=1)
    with pytest.raises(BadInput) as raised:
        model.infer([request_of(observation) | change])  # type: ignore[list-item]
    assert words in str(raised.value)


def test_the_bundled_file_is_what_its_card_says() -> None:
    path = ModelStore().path(NAME, WEIGHTS)
    assert path.stat().st_size < 4_000_000
    (digest,) = AVWorldPolicy.weights(AVWorldPolicyOptions()).values()
    assert f"`{digest}`" in path.with_suffix(".md").read_text()


def test_files_that_are_no_weights_of_it_are_named(tmp_path: Any) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no")
    for path in (broken, tmp_path / "missing.safetensors"):
        policy = AVWorldPolicy(AVWorldPolicyOptions(weights=str(path)))
        with pytest.raises(ModelUnavailable, match=path.name):
            policy.load("cpu")
    with pytest.raises(ModelError, match="load"):
        AVWorldPolicy().infer([request_of(AVWorld("Refer").reset(seed=1)[0])])  # type: ignore[list-item]

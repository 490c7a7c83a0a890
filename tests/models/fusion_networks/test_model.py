"""The fusion network as an executor hosts it: bundled weights, any subset, spaces that must fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium_models.fusion_networks.claims import CLAIMS, SCENES, heard
from sensorium_models.fusion_networks.learning import Described, Learning, save_fusion
from sensorium_models.fusion_networks.model import FusionModel, FusionOptions
from sensorium_models.fusion_networks.network import FusionNetwork
from sensorium_models.fusion_networks.worlds import vectors
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import scenes


@pytest.fixture(scope="module")
def model() -> Any:
    model = FusionModel()
    model.load("cpu")
    yield model
    model.unload()


def shown(index: int = 0, pixels: int = 96) -> tuple[Any, dict[str, Any]]:
    """A thing of the world, and how it looks and sounds."""
    scene = next(scenes("test", 1, SCENES, start=5000 + index))
    looks = {"picture": render(scene, pixels).image}
    sounds = {"samples": heard(scene).mean(0), "rate": 16_000}
    return scene.things[0], {"picture": looks, "sound": sounds}


def test_the_bundled_network_tells_true_claims_from_false_ones(model: FusionModel) -> None:
    requests, wanted = [], []
    for index in range(12):
        thing, inputs = shown(index)
        other = "blue" if thing.colour == "red" else "red"
        sound = thing.sounds[0].sound
        silent = "ticking" if sound == "humming" else "humming"
        for at, (colour, heard_as) in enumerate(
            [(thing.colour, sound), (other, sound), (thing.colour, silent), (other, silent)]
        ):
            words = {"words": f"The {colour} {thing.shape} is {heard_as}."}
            requests.append({"inputs": {**inputs, "words": words}})
            wanted.append(CLAIMS[at])
    answers = model.infer(requests)
    right = sum(a["labels"][0] == w for a, w in zip(answers, wanted, strict=True))
    assert right >= 44  # of 48
    for answer in answers:
        assert sum(answer["scores"]) == pytest.approx(1, abs=1e-5)
        assert answer["scores"] == sorted(answer["scores"], reverse=True)
        assert np.linalg.norm(answer["vector"]) == pytest.approx(1, abs=1e-5)


def test_without_the_sound_it_tells_looks_and_nothing_of_sounds(model: FusionModel) -> None:
    thing, inputs = shown(3)
    words = {"words": f"the {thing.colour} {thing.shape} is {thing.sounds[0].sound}"}
    (answer,) = model.infer([{"inputs": {"picture": inputs["picture"], "words": words}}])
    assert answer["used"] == ["picture", "words"]
    scores = dict(zip(answer["labels"], answer["scores"], strict=True))
    assert scores["as said"] + scores["sounds otherwise"] > 0.9
    assert 0.2 < scores["as said"] / (scores["as said"] + scores["sounds otherwise"]) < 0.8


def test_a_batch_answers_as_each_request_alone(model: FusionModel) -> None:
    _, inputs = shown(1)
    words = {"words": "a humming red star"}
    requests: list[Any] = [
        {"inputs": {**inputs, "words": words}},
        {"inputs": {"words": words, "sound": None}},
        {"inputs": {"sound": inputs["sound"]}},
    ]
    together = model.infer(requests)
    for request, answer in zip(requests, together, strict=True):
        (alone,) = model.infer([request])
        assert alone["labels"] == answer["labels"]
        np.testing.assert_allclose(alone["scores"], answer["scores"], atol=1e-5)
    assert model.infer([]) == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "no modality is there"),
        ({"smell": {"words": "x"}}, "no modality smell: this network takes picture, sound, words"),
        ({"words": {"words": "  "}}, "no word"),
        ({"sound": {"samples": np.zeros(0, np.float32), "rate": 16_000}}, "too short"),
        ({"picture": {"picture": np.zeros((4, 4, 4), np.uint8)}}, "leave alpha out"),
        ({"picture": {"words": "red"}}, "picture cannot be read from words"),
        ({"words": {"vector": np.zeros(128), "space": "x"}}, "words cannot be read from vector"),
    ],
)
def test_bad_input_is_named(model: FusionModel, inputs: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        model.infer([{"inputs": inputs}])


def test_a_network_over_embeddings_takes_those_of_its_space_only(tmp_path: Path) -> None:
    data = vectors("unique")
    network = Learning(data, "tensor", thin=4).build(0)
    assert isinstance(network, FusionNetwork)
    spaces = {"a": "clip", "b": "clip", "c": "minilm"}
    path = tmp_path / "mine.safetensors"
    said = Described("mine", "tensor", data.sizes, data.labels, {"thin": 4}, spaces)
    save_fusion(path, network, said)
    model = FusionModel(FusionOptions(weights=str(path)))
    with pytest.raises(ModelError, match=r"call load\(\)"):
        model.infer([{"inputs": {}}])
    model.load("cpu")
    vector = np.ones(16, np.float32)
    (answer,) = model.infer([{"inputs": {"c": {"vector": vector, "space": "minilm"}}}])
    assert answer["used"] == ["c"]
    with pytest.raises(BadInput, match="c is an embedding in the space 'minilm', not 'clip'"):
        model.infer([{"inputs": {"c": {"vector": vector, "space": "clip"}}}])
    with pytest.raises(BadInput, match=r"c is \(3,\); this network takes \(16,\)"):
        model.infer([{"inputs": {"c": {"vector": vector[:3], "space": "minilm"}}}])
    assert list(FusionModel.weights(FusionOptions(weights=str(path))).values())[0]  # noqa: RUF015


def test_what_is_no_fusion_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    path.write_text("nothing")
    with pytest.raises(ModelUnavailable, match="no fusion network"):
        FusionModel(FusionOptions(weights=str(path))).load("cpu")
    with pytest.raises(ModelUnavailable, match="no fusion network"):
        FusionModel(FusionOptions(weights=str(tmp_path / "gone.safetensors"))).load("cpu")

"""The model as it is hosted: pictures, streams, text alone, a worker pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sensorium_models.language.transformers_lm import TransformersModel, TransformersOptions
from sensorium_models.multimodal.model import Multimodal, MultimodalOptions
from sensorium_models.multimodal.pictures import Album, scene_pairs
from sensorium_models.multimodal.report import fingerprint
from sensorium_models.multimodal.speaker import plain_model
from sensorium_sims.world.questions import ask
from sensorium_sims.world.render import render

QUESTION = "what colour is it?"


def about(*images: Any, text: str = QUESTION, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"messages": messages, "images": list(images), "max_tokens": 8, **more}


def first_logits(model: Multimodal, request: Any) -> Any:
    """What the first token of an answer is chosen from."""
    seen: list[Any] = []

    def choose(logits: Any, *rest: Any) -> int:
        seen.append(logits.clone())
        return int(logits.argmax())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_choose", choose)
        list(model.stream(request))
    return seen[0]


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    return [render(scene, 64).image for scene in scene_pairs("train", 4)]


def test_the_stream_is_what_the_measured_path_says(
    model: Multimodal, some: Album, pictures: list[Any]
) -> None:
    seen = [render(scene, 64).image for scene in some.scenes[:2]]
    regions, there = some.take([(0, 1)])
    words, said = model._speaker.words([QUESTION], 48)
    tokens = model._bridge.multi_modal_projector(regions, there, words, said)
    (measured,) = model._speaker.answers([QUESTION], tokens.flatten(1, 2), most=8)
    (answered,) = model.infer([about(*seen)])
    assert answered["text"].strip() == measured


def test_what_is_shown_and_what_is_asked_reach_the_answer(
    model: Multimodal, pictures: list[Any]
) -> None:
    asked = [about(pictures[0]), about(pictures[2]), about(pictures[0], pictures[2]),
             about(pictures[0], text="how many things are there?")]  # fmt: skip
    first = [first_logits(model, request) for request in asked]
    assert not any(
        torch.allclose(a, b, atol=1e-5) for i, a in enumerate(first) for b in first[i + 1 :]
    )


def test_closing_the_stream_stops_the_language_model(
    model: Multimodal, pictures: list[Any]
) -> None:
    calls: list[int] = []
    model._model.register_forward_hook(lambda *_: calls.append(1))
    parts = model.stream(about(pictures[0], max_tokens=60))
    next(parts)
    before = len(calls)
    parts.close()
    assert len(calls) == before <= 2
    total = len(list(model.stream(about(pictures[0], max_tokens=30))))
    assert total > 5  # an answer comes in parts


def test_text_alone_is_the_language_models_to_the_letter(
    model: Multimodal, language: Path, pictures: list[Any]
) -> None:
    alone = TransformersModel(TransformersOptions(checkpoint=str(language)))
    alone.load("cpu")
    model.infer([about(pictures[0])])
    request = {"messages": [{"role": "user", "content": "what is red?"}], "max_tokens": 12}
    assert model.infer([request]) == alone.infer([request])
    assert fingerprint(model._model) == fingerprint(plain_model(str(language), ""))
    assert not any(p.requires_grad for p in model._model.parameters())


def test_choices_stop_strings_and_earlier_messages_hold(
    model: Multimodal, pictures: list[Any]
) -> None:
    (chosen,) = model.infer([about(pictures[0], choices=["red", "blue"])])
    assert chosen["text"] in ("red", "blue")
    (free,) = model.infer([about(pictures[0])])
    if len(free["text"]) > 1:
        (cut,) = model.infer([about(pictures[0], stop=[free["text"][1:]])])
        assert cut["text"] == free["text"][:1]
    request = about(pictures[0])
    earlier = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes"}]
    request["messages"] = [*earlier, *request["messages"]]
    assert isinstance(model.infer([request])[0]["text"], str)
    drawn = [about(pictures[0], temperature=1.5, seed=seed) for seed in (1, 1, 2, 3)]
    texts = [one["text"] for one in model.infer(drawn)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_its_files_are_fingerprinted(ours: Path, language: Path) -> None:
    found = Multimodal.weights(MultimodalOptions(weights=str(ours)))
    assert any(name.endswith("checkpoint/model.safetensors") for name in found)
    assert any(name.startswith(language.name) for name in found)
    assert Multimodal.weights(MultimodalOptions(weights="/nowhere/at/all")) == {}


@pytest.mark.models
def test_the_bundled_one_answers_about_what_it_sees_and_still_chats() -> None:
    model = Multimodal()
    model.load("cpu")
    scenes = scene_pairs("test", 60)
    rng = np.random.default_rng(4)
    right, other, asked = 0, 0, 0
    for row in range(0, 60, 2):
        question = ask(scenes[row], rng, "query")
        if question is None:
            continue
        shown = [render(scenes[at], 128).image for at in (row, (row + 30) % 60)]
        said, wrong = model.infer([about(one, text=question.text) for one in shown])
        right += said["text"] == question.answer
        other += wrong["text"] == question.answer
        asked += 1
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    (said,) = model.infer([{"messages": chat, "max_tokens": 12}])
    model.unload()
    assert "Paris" in said["text"]
    assert asked >= 20
    assert right >= 0.7 * asked
    assert other <= 0.6 * asked

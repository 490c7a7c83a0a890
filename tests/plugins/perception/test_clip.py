"""Zero-shot labels of a picture stream, and finding a picture that was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Image, Text
from sensorium.errors import BadInput, SettingsError
from sensorium.payloads import Classes, Embedding
from sensorium.testing import assert_conforms, run_component
from sensorium_plugins.perception.clip import Clip

LABELS = ("a red star", "a blue heart", "a green moon")
COLOURS = ("red", "blue", "green")


def colours(request: dict[str, Any]) -> dict[str, Any]:
    """A model whose space is colour: the mean of a picture, the colour words of a text."""
    if "image" in request:
        vector = request["image"].reshape(-1, 3).mean(0)[[0, 2, 1]]
    elif not any(word in request["text"] for word in COLOURS):
        raise BadInput(f"no colour in {request['text']!r}")
    else:
        vector = np.array([float(word in request["text"]) for word in COLOURS])
    return {"embedding": np.float32(vector / np.linalg.norm(vector)), "scale": 10.0}


def picture(red: int, green: int, blue: int) -> Image:
    return Image(np.full((4, 6, 3), (red, green, blue), np.uint8))


async def test_a_picture_gets_labels_and_a_vector_of_its_own_time() -> None:
    async with run_component(Clip, options={"labels": LABELS}, models={"clip": colours}) as harness:
        await harness.send("camera/front/image", picture(0, 0, 200), originating_time=42)
        await harness.settled()
        labels, vector = harness.events
    assert (labels.topic, vector.topic) == ("vision/clip/labels", "vision/clip/embedding")
    assert labels.originating_time == vector.originating_time == 42
    assert isinstance(labels.payload, Classes)
    assert labels.payload.labels == ("a blue heart",)
    assert labels.payload.scores[0] == pytest.approx(np.exp(10) / (np.exp(10) + 2))
    assert isinstance(vector.payload, Embedding)
    assert vector.payload.space == "clip"
    np.testing.assert_allclose(vector.payload.vector, [0, 1, 0], atol=1e-6)


async def test_scores_add_up_over_all_labels_and_the_best_come_first() -> None:
    options = {"labels": LABELS, "min_score": 0, "top_k": 2}
    async with run_component(Clip, options=options, models={"clip": colours}) as harness:
        await harness.send("camera/front/image", picture(100, 90, 0))
        await harness.settled()
        found = harness.events[0].payload
    assert found.labels == ("a red star", "a green moon")
    assert found.scores[0] > found.scores[1] > 0
    assert sum(found.scores) < 1


async def test_each_label_is_read_in_every_template_once() -> None:
    asked: list[str] = []

    def model(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request.get("text", "a picture"))
        return colours(request)

    options = {"labels": LABELS[:2], "templates": ["{}", "this shows {}"]}
    async with run_component(Clip, options=options, models={"clip": model}) as harness:
        for _ in range(2):
            await harness.send("camera/front/image", picture(9, 0, 0))
            await harness.settled()
    assert sorted(asked[:4]) == [
        "a blue heart", "a red star", "this shows a blue heart", "this shows a red star",
    ]  # fmt: skip
    assert asked[4:] == ["a picture", "a picture"]


async def test_the_picture_that_shows_a_thing_is_found_among_those_kept() -> None:
    options = {"labels": LABELS, "remember": 2}
    async with run_component(Clip, options=options, models={"clip": colours}) as harness:
        sent = []
        for time, shown in enumerate(((9, 0, 0), (0, 9, 0), (0, 0, 9)), 1):
            sent.append(
                await harness.send("camera/a/image", picture(*shown), originating_time=time)
            )
            await harness.settled()
        asked = await harness.send("vision/clip/find", Text("a green thing"))
        await harness.send("vision/clip/find", Text("a red thing"))
        await harness.settled()
        green, red = harness.events_on("vision/clip/found")
    assert green.payload.labels == ("a green thing",)
    assert green.payload.scores[0] == pytest.approx(1)
    assert green.originating_time == 2
    assert set(green.parents) == {sent[1].id, asked.id}
    assert red.payload.scores[0] == pytest.approx(0)  # the red picture was the third last


async def test_who_asks_for_what_is_unknown_gets_an_answer_and_nothing_breaks() -> None:
    options = {"labels": LABELS, "remember": 2}
    async with run_component(Clip, options=options, models={"clip": colours}) as harness:
        await harness.send("vision/clip/find", Text("a red thing"))  # nothing was seen yet
        await harness.send("camera/a/image", picture(9, 0, 0))
        await harness.settled()
        await harness.send("vision/clip/find", Text("дракон"))
        await harness.settled()
        assert [e.payload.labels for e in harness.events_on("vision/clip/found")] == [(), ()]
        assert not harness.failures


async def test_a_label_that_the_model_cannot_read_is_an_error_at_the_start() -> None:
    options = {"labels": ("a red star", "a dragon")}
    async with run_component(Clip, options=options, models={"clip": colours}) as harness:
        (failed,) = harness.failures
    assert failed.during == "setup"
    assert "no colour in 'a dragon'" in failed.error


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": ("one",)},
        {"labels": ("one", "one")},
        {"labels": ("one", " ")},
        {"labels": LABELS, "templates": ["a picture"]},
        {"labels": LABELS, "templates": []},
    ],
)
async def test_labels_and_templates_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        async with run_component(Clip, options=options, models={"clip": colours}):
            pass


def test_it_keeps_the_contract_of_components() -> None:
    samples = [
        ("camera/front/image", picture(9, 0, 0)),
        ("vision/clip/find", Text("a red thing")),
    ]
    options = {"labels": LABELS, "remember": 1}
    assert_conforms(Clip, samples, options=options, models={"clip": colours})

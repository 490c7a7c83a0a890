from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.judge import look
from sensorium_sims.world.prompts import TASKS, judge, meets, sample_prompt, scene_for
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, scenes
from sensorium_sims.world.scene import Scene, Thing

NEVER_TUNED_ON = 77
"""A seed no threshold of the judge was chosen on."""


def _facts(things: object) -> list[tuple[str, str, str]]:
    return sorted((t.shape or "?", t.colour, t.size) for t in things)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("split", "size"), [("test", 64), ("unseen", 64), ("unseen", 128)])
def test_it_reads_held_out_renders(split: str, size: int) -> None:
    options = SceneOptions(things=(1, 4))
    made = list(scenes(split, 200, options, seed=NEVER_TUNED_ON))  # type: ignore[arg-type]
    right = 0
    for scene in made:
        seen = look(render(scene, size).image)
        right += _facts(seen) == _facts(scene.things)
    assert right / len(made) >= 0.99


def test_its_places_are_those_of_the_things() -> None:
    for scene in scenes("test", 100, seed=NEVER_TUNED_ON):
        seen = look(render(scene, 64).image)
        for thing in scene.things:
            # The middle of the box of a turned thing lies a little off its own.
            gap = min(np.hypot(s.x - thing.x, s.y - thing.y) for s in seen)
            assert gap < 0.04


def test_it_agrees_with_the_truth_on_prompts() -> None:
    rng = np.random.default_rng(NEVER_TUNED_ON)
    agreed = said_yes = total = 0
    before = None
    for number in range(360):
        task = TASKS[number % len(TASKS)]
        prompt = sample_prompt(rng, task, "unseen" if number % 2 else "seen")
        scene = scene_for(rng, prompt)
        assert meets(scene.things, prompt).correct
        seen = look(render(scene).image)
        said_yes += meets(seen, prompt).correct
        for other in (prompt, before or prompt, sample_prompt(rng, task)):
            total += 1
            agreed += meets(seen, other).correct == meets(scene.things, other).correct
        before = prompt
    assert agreed / total >= 0.99
    assert said_yes >= 0.99 * 360


def test_noise_and_a_little_blur_do_not_fool_it() -> None:
    rng = np.random.default_rng(5)
    right = 0
    made = list(scenes("test", 150, seed=NEVER_TUNED_ON))
    for scene in made:
        image = cv2.GaussianBlur(render(scene).image, (0, 0), 0.6).astype(float)
        spoilt = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        right += _facts(look(spoilt)) == _facts(scene.things)
    assert right / len(made) >= 0.95


def test_it_sees_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(6)
    for scene in scenes("test", 40):
        assert look(render(replace(scene, things=())).image) == []
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert all(seen.shape is None for seen in look(noise))


def test_a_blot_has_no_shape() -> None:
    image = np.full((64, 64, 3), 220, np.uint8)
    image[20:24, 8:56] = (214, 34, 40)
    (seen,) = look(image)
    assert (seen.shape, seen.colour) == (None, "red")


def test_things_of_two_hues_that_touch_are_two() -> None:
    one = Thing("square", "red", "large", "matte", 0.3, 0.5, 0.4)
    image = render(Scene((one, replace(one, colour="blue", x=0.69)))).image
    assert _facts(look(image)) == [("square", "blue", "large"), ("square", "red", "large")]


def test_one_hue_that_touches_is_one_as_documented() -> None:
    one = Thing("square", "red", "large", "matte", 0.3, 0.5, 0.4)
    assert len(look(render(Scene((one, replace(one, x=0.68)))).image)) == 1


def test_a_verdict_says_why() -> None:
    red = Thing("star", "red", "large", "matte", 0.3, 0.3, 0.4)
    blue = replace(red, shape="moon", colour="blue", x=0.7, y=0.7)
    image = render(Scene((red, blue))).image
    rng = np.random.default_rng(0)
    template = sample_prompt(rng, "attribution")
    wants = (
        replace(template.wants[0], shape="star", colour="blue"),
        replace(template.wants[1], shape="moon", colour="red"),
    )
    swapped = judge(image, replace(template, wants=wants))
    assert (swapped.correct, swapped.reason) == (False, "no blue star")
    single = replace(sample_prompt(rng, "single"), wants=(replace(wants[0], colour=None),))
    assert judge(image, single).reason == "2 things where 1 were asked for"
    assert judge(image, single, strict=False).correct


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadInput, match="uint8"):
        look(np.zeros((64, 64, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="squares"):
        look(np.zeros((64, 32, 3), np.uint8))
    with pytest.raises(BadInput, match="no task 'style'"):
        sample_prompt(np.random.default_rng(0), "style")  # type: ignore[arg-type]

"""What is learnt from: true captions, families that differ in one thing, seen pairs only."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium_models.clip.pairs import TOGETHER, Edit, edited, sample_batch, side_of, tell, truth
from sensorium_sims.world.captions import noun
from sensorium_sims.world.sampling import SceneOptions, sample_scene
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import SEEN_PAIRS


def pair(first: str, second: str, *, left: float = 0.3) -> Scene:
    """Two things side by side, the first at ``left``."""
    made = [
        Thing(shape, colour, "small", "matte", x, 0.5, 0.26)  # type: ignore[arg-type]
        for (colour, shape), x in zip(
            (first.split(), second.split()), (left, 1 - left), strict=True
        )
    ]
    return Scene(tuple(made))


def test_own_captions_are_true_and_every_thing_is_of_a_seen_pair() -> None:
    batch = sample_batch(np.random.default_rng(1), 64, (0.3, 0.4, 0.3))
    assert batch.images.shape == (64, 64, 64, 3)
    assert batch.true.shape == (64, 128)
    for k in range(2):
        assert batch.true[np.arange(64), np.arange(64) + 64 * k].all()
    things = [thing for picture in batch.pictures for thing in picture.scene.things]
    assert {(thing.shape, thing.colour) for thing in things} <= SEEN_PAIRS


def test_the_first_caption_of_a_family_tells_its_two_pictures_apart() -> None:
    batch = sample_batch(np.random.default_rng(2), 200, (0.3, 0.7, 0.0))
    apart = [
        not batch.true[even, even + 1] and not batch.true[even + 1, even]
        for even in range(0, 200, 2)
    ]
    # Places that were swapped show in a relation alone, which is not always told.
    assert np.mean(apart) > 0.85


def test_the_same_numbers_make_the_same_batch() -> None:
    one, other = (sample_batch(np.random.default_rng(5), 8, (0.5, 0.5)) for _ in range(2))
    assert one.captions == other.captions
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.true, other.true)


@pytest.mark.parametrize("edit", sorted(set(TOGETHER)))
def test_an_edit_changes_what_it_says_and_nothing_else(edit: Edit) -> None:
    rng = np.random.default_rng(3)
    options = SceneOptions(things=(2, 2))
    made = 0
    while made < 10:
        scene = sample_scene(rng, options)
        other = edited(rng, scene, edit, options)
        if other is None:
            continue
        made += 1
        kind = edit.removeprefix("swap ")
        for name in {"shape", "colour", "size", "material"} - {kind}:
            assert [getattr(t, name) for t in scene.things] == [
                getattr(t, name) for t in other.things
            ]
        if edit == "swap places":
            assert [(t.x, t.y) for t in scene.things] == [(t.x, t.y) for t in other.things][::-1]
        elif edit.startswith("swap"):
            assert [getattr(t, kind) for t in scene.things] == [
                getattr(t, kind) for t in other.things
            ][::-1]
        else:
            changed = [getattr(a, kind) != getattr(b, kind)
                       for a, b in zip(scene.things, other.things, strict=True)]  # fmt: skip
            assert sum(changed) == 1


def test_truth_knows_who_is_where_and_who_has_what() -> None:
    scenes = [
        pair("red star", "blue heart"),
        pair("red star", "blue heart", left=0.7),
        pair("blue star", "red heart"),
    ]
    rng = np.random.default_rng(0)
    said = {}
    while len(said) < 2:
        _, meaning = tell(rng, scenes[0], 0)
        said["placed" if meaning.side else "listed"] = meaning
    fits = truth(scenes, [said["placed"], said["listed"]])
    assert fits.tolist() == [[True, True], [False, True], [False, False]]
    shapes = [noun(thing, ("shape",)) for thing in scenes[1].things]
    assert side_of(scenes[1], shapes) == (1, "heart")

"""Phrases to masks, prompts to things, controls out of pictures, files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.errors import BadInput
from sensorium_models.diffusion.control import extract, pose_from_file
from sensorium_models.diffusion.files import read_picture
from sensorium_models.diffusion.masks import PhraseMasks, blended, room_for
from sensorium_models.diffusion.prompts import Named, in_world_words, parse
from sensorium_models.diffusion.sampling import CONTEXT, close_up
from sensorium_models.diffusion.scenes import plain
from sensorium_sims.world.render import render
from sensorium_sims.world.scene import Scene, Thing

SCENE = plain(
    Scene(
        (
            Thing("circle", "red", "large", "matte", 0.28, 0.3, 0.4),
            Thing("square", "green", "small", "matte", 0.75, 0.75, 0.26),
        )
    )
)


def test_a_phrase_finds_its_thing_and_says_what_there_is_instead() -> None:
    picture = render(SCENE, 64)
    masks = PhraseMasks()
    for number, phrase in enumerate(("the ball", "the green thing")):
        found, truth = masks.find(picture.image, phrase).mask, picture.mask(number)
        assert (found & truth).sum() / (found | truth).sum() >= 0.7
    with pytest.raises(BadInput, match="red circle, green square"):
        masks.find(picture.image, "the blue heart")
    with pytest.raises(BadInput, match="names nothing of the world"):
        masks.find(picture.image, "the dog")
    with pytest.raises(BadInput, match="nothing stands out"):
        masks.find(np.full((64, 64, 3), 200, np.uint8), "the ball")


def test_the_room_for_a_new_thing_leaves_the_others_alone() -> None:
    picture = render(SCENE, 64)
    room = room_for(picture.mask(0), [picture.mask(1)])
    assert room[picture.mask(0)].all()
    assert not room[picture.mask(1)].any()


def test_a_caption_is_read_into_things_with_their_sides() -> None:
    assert parse("a large red ring above two small moons")[0] == Named("ring", "red", "large")
    assert parse("a red ring below a moon") == (
        Named("ring", "red", None, "below"), Named("moon", None, None, "above"),
    )  # fmt: skip
    assert in_world_words("A big ball on top of 2 boxes!") == "a large circle above two squares"


def test_edges_and_depth_are_taken_out_and_poses_are_given(tmp_path: Path) -> None:
    picture = render(SCENE, 64)
    edges = extract(picture.image, "canny")
    assert edges.shape == (64, 64, 3)
    near = np.argwhere(edges[:, :, 0] > 0)
    truth = np.argwhere(picture.edges > 0)
    gaps = np.abs(near[:, None] - truth[None]).max(2).min(1)
    assert len(near) > 40
    assert (gaps <= 2).mean() > 0.6
    depth = extract(picture.image, "depth")[:, :, 0]
    assert depth[picture.ids > 0].mean() > depth[picture.ids == 0].mean() + 50
    with pytest.raises(BadInput, match="give the points as a JSON file"):
        extract(picture.image, "pose")
    body = np.tile([0.0, 0.0, 0.0], (18, 1))
    body[1], body[2] = (10, 10, 1), (40, 30, 1)
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"people": [{"pose_keypoints_2d": body.ravel().tolist()}]}))
    drawn = pose_from_file(file, 64, 64)
    assert drawn[20, 25].any()
    assert not drawn[60, 60].any()
    file.write_text('{"people": [{"pose_keypoints_2d": [1, 2]}]}')
    with pytest.raises(BadInput, match="no OpenPose bodies"):
        pose_from_file(file, 64, 64)


def test_controls_come_out_of_grey_pictures_as_well(tmp_path: Path) -> None:
    grey = render(SCENE, 64).image.min(axis=2)
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png")
    picture = read_picture(tmp_path / "grey.png")
    assert picture.shape == (64, 64, 3)
    assert extract(picture, "canny").any()
    np.testing.assert_array_equal(extract(picture, "depth")[:, :, 0], grey)


def test_pictures_that_are_no_8_bit_rgb_are_named(tmp_path: Path) -> None:
    for mode, said in (("RGBA", "alpha channel"), ("I;16", "more than 8 bits")):
        path = tmp_path / f"{mode[:1]}.png"
        PIL.Image.new(mode, (4, 4)).save(path)
        with pytest.raises(BadInput, match=said):
            read_picture(path)
    with pytest.raises(BadInput, match="there is no file"):
        read_picture(tmp_path / "none.png")


def test_what_is_drawn_anew_is_cut_out_as_a_square() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:20, 30:34] = True
    rows, columns = close_up(mask)
    assert rows.stop - rows.start == columns.stop - columns.start == math.ceil(CONTEXT * 10)
    assert set(range(10, 20)) <= set(range(rows.start, rows.stop))
    assert set(range(30, 34)) <= set(range(columns.start, columns.stop))
    mask[:] = False
    mask[30:40, 52:60] = True  # in the corner
    rows, columns = close_up(mask)
    assert (rows.stop, columns.stop) == (40, 60)
    mask[1:39] = True  # no square of the picture holds it with room around
    assert close_up(mask) == (slice(0, 40), slice(0, 60))
    assert close_up(np.zeros((4, 5), bool)) == (slice(0, 4), slice(0, 5))


def test_a_new_part_takes_the_tone_around_it_and_nothing_else_changes() -> None:
    old = np.full((20, 20, 3), (100, 150, 200), np.uint8)
    new = np.full((20, 20, 3), 180, np.uint8)
    new[6:14, 9:12] = (250, 20, 20)
    mask = np.zeros((20, 20), bool)
    mask[4:14, 4:16] = True
    made = blended(old, new, mask)
    assert (made[~mask] == old[~mask]).all()
    assert (made[5, 5] == old[0, 0]).all()
    assert (made[8, 10] == (170, 0, 40)).all()
    assert (blended(old, new, np.ones_like(mask)) == new).all()
    assert (blended(old, new, np.zeros_like(mask)) == old).all()

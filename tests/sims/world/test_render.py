from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.film import film, soundtrack
from sensorium_sims.world.outlines import RING_HOLE
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, scenes
from sensorium_sims.world.scene import Move, Scene, Sounding, Thing
from sensorium_sims.world.vocabulary import COLOURS, MATERIALS, RGB, SHAPES

RED = Thing("circle", "red", "large", "matte", 0.5, 0.5, 0.4, depth=2.0)


@pytest.mark.parametrize("size", [48, 64, 200, 512])
def test_a_mask_has_the_area_of_its_outline(size: int) -> None:
    for thing, share in (
        (RED, math.pi / 4),
        (replace(RED, shape="square", angle=9.0), 1.0),
        (replace(RED, shape="ring"), math.pi / 4 * (1 - RING_HOLE**2)),
    ):
        area = render(Scene((thing,)), size).mask(0).sum()
        assert area == pytest.approx(share * (0.4 * size) ** 2, rel=0.01 + 3 / size)


def test_a_box_is_where_the_thing_is() -> None:
    x0, y0, x1, y1 = render(Scene((replace(RED, x=0.3, y=0.7),)), 100).box(0) or (0, 0, 0, 0)
    assert (x0, y0, x1, y1) == pytest.approx((10, 50, 50, 90), abs=1)


def test_the_nearer_thing_hides_the_farther() -> None:
    near = replace(RED, colour="blue", x=0.6, depth=1.0)
    for things in ((RED, near), (near, RED)):
        picture = render(Scene(things), 100)
        mine, theirs = things.index(near), things.index(RED)
        assert (picture.mask(mine) == picture.whole(mine)).all()
        hidden = picture.whole(theirs) & ~picture.mask(theirs)
        assert (hidden == (picture.whole(mine) & picture.whole(theirs))).all()
        assert hidden.sum() > 300
        assert picture.depth[hidden] == pytest.approx(1.0)
        assert picture.depth[picture.mask(theirs)] == pytest.approx(2.0)
        wall = picture.depth[picture.ids == 0]
        assert 3.8 <= wall.min() < wall.max() <= 4.2
        assert picture.image[hidden].astype(int)[:, 2].mean() > 150


def test_edges_run_where_one_thing_meets_another() -> None:
    picture = render(Scene((RED, replace(RED, x=0.2, colour="blue", depth=1.0))), 64)
    inside = picture.ids[1:-1, 1:-1]
    same = np.ones(inside.shape, bool)
    for dy, dx in ((1, 2), (2, 1)):
        same &= inside == picture.ids[dy : dy + 62, dx : dx + 62]
    assert (picture.edges[1:-1, 1:-1] == np.where(same, 0, 255)).all()
    assert 60 < (picture.edges > 0).sum() < 300


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_has_its_colour_and_the_wall_has_not(colour: str) -> None:
    scene = Scene((replace(RED, colour=colour),))  # type: ignore[arg-type]
    picture = render(scene, 64)
    inside = picture.image[picture.mask(0)].astype(float).mean(axis=0)
    assert np.abs(inside - RGB[colour]).max() < 16  # type: ignore[index]
    wall = picture.image[:10, :10].reshape(-1, 3).astype(float)
    assert np.ptp(wall.mean(axis=0)) < 20


def test_every_material_and_shape_looks_different() -> None:
    looks = {
        render(Scene((replace(RED, shape=shape, material=material),)), 64).image.tobytes()
        for shape in SHAPES
        for material in MATERIALS
    }
    assert len(looks) == len(SHAPES) * len(MATERIALS)


def test_a_shadow_falls_farther_from_a_nearer_thing() -> None:
    def shadow_width(depth: float) -> int:
        row = render(Scene((replace(RED, depth=depth),)), 200).image[100, 140:180].astype(int)
        return int((row.sum(axis=1) < 222 * 3 - 12).sum())

    assert shadow_width(1.0) > shadow_width(3.4) > 0


def test_what_leaves_the_picture_is_cut() -> None:
    for x in (-0.5, 0.0, 0.05, 1.0, 1.5):
        picture = render(Scene((replace(RED, x=x),)), 64)
        assert picture.image.shape == (64, 64, 3)
        assert picture.mask(0).any() == (-0.2 < x < 1.2)
    assert render(Scene((replace(RED, x=1.5),)), 64).box(0) is None


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(BadInput, match="16 or more"):
        render(Scene((RED,)), 8)


def test_a_film_shows_the_move_and_the_occlusion() -> None:
    mover = replace(RED, x=0.2, depth=1.0, moves=(Move("right", 0.0, 2.0, 0.15),))
    scene = Scene((mover, replace(RED, colour="blue")), seconds=2.0)
    pictures = film(scene, 64, fps=5)
    assert pictures.shape == (10, 64, 64, 3)
    assert (pictures[0] != pictures[-1]).any()
    seen = [render(scene, 64, time).mask(1).sum() for time in (0.0, 1.0, 2.0)]
    assert seen[0] > seen[1]
    assert seen[2] < render(scene, 64).whole(1).sum() / 2


def test_a_sound_is_where_and_when_its_thing_is() -> None:
    left = replace(RED, x=0.1, sounds=(Sounding("humming", 0.5, 1.0),))
    track = soundtrack(Scene((left,), seconds=2.0))
    assert track.shape == (2, 32_000)
    assert not track[:, :7_900].any()
    assert not track[:, 16_100:].any()
    during = np.square(track[:, 8_000:16_000]).mean(axis=1)
    assert during[0] > 10 * during[1] > 0
    with pytest.raises(BadInput, match="fps"):
        film(Scene((RED,)), fps=0)


def test_sounds_of_one_scene_differ() -> None:
    for scene in scenes("train", 30, SceneOptions(things=(2, 4), seconds=3.0, sounding=1.0)):
        names = [sound.sound for thing in scene.things for sound in thing.sounds]
        assert len(set(names)) == len(names) == len(scene.things)

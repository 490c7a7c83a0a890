from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SPLITS, SceneOptions, scenes
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import COLOURS, SEEN_PAIRS, SHAPES, UNSEEN_PAIRS

DIGEST = """
import hashlib
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import scenes
print(hashlib.sha256(b"".join(render(s).image.tobytes() for s in scenes("train", 20))).hexdigest())
"""


def test_a_seed_gives_the_same_pixels_in_another_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
    )
    here = hashlib.sha256(b"".join(render(s).image.tobytes() for s in scenes("train", 20)))
    assert done.stdout.strip() == here.hexdigest()


def test_a_scene_can_be_made_alone() -> None:
    *_, last = scenes("train", 8)
    assert next(scenes("train", 1, start=7)) == last
    assert next(scenes("train", 1, start=7, seed=1)) != last


def test_splits_share_no_scene() -> None:
    made = [scene for split in SPLITS for scene in scenes(split, 200)]
    assert len(set(made)) == len(made)


def test_held_out_pairs_are_seen_in_the_unseen_split_only() -> None:
    def pairs(split: str) -> set[tuple[str, str]]:
        return {(t.shape, t.colour) for s in scenes(split, 600) for t in s.things}  # type: ignore[arg-type]

    assert pairs("train") <= SEEN_PAIRS
    assert len(pairs("train")) == 80
    assert pairs("unseen") == UNSEEN_PAIRS
    for shape in SHAPES:
        assert sum(pair[0] == shape for pair in UNSEEN_PAIRS) == 2
    for colour in COLOURS:
        assert sum(pair[1] == colour for pair in UNSEEN_PAIRS) == 2


@pytest.mark.parametrize("count", [1, 4, 6])
def test_things_lie_apart_and_whole_in_the_picture(count: int) -> None:
    for scene in scenes("train", 30, SceneOptions(things=(count, count))):
        assert len(scene.things) == count
        picture = render(scene, 128)
        for index in range(count):
            x0, y0, x1, y1 = picture.box(index) or (0, 0, 0, 0)
            assert x0 > 0
            assert y0 > 0
            assert x1 < 128
            assert y1 < 128
            assert (picture.mask(index) == picture.whole(index)).all()


def test_a_moving_thing_stays_in_the_picture() -> None:
    moved = 0
    for scene in scenes("train", 80, SceneOptions(seconds=4.0, things=(1, 4))):
        for thing in scene.things:
            for time in np.linspace(0, 4, 9):
                x, y = thing.at(float(time))
                assert min(x, y, 1 - x, 1 - y) >= thing.diameter / 2
            start, stop = thing.at(0), thing.at(4)
            moved += thing.moves != ()
            assert (start != stop) == (thing.moves != ())
    assert moved > 50


def test_velocity_is_the_slope_of_the_path() -> None:
    scene = next(s for s in scenes("train", 20, SceneOptions(seconds=4.0)) if s.things[0].moves)
    thing = scene.things[0]
    move = thing.moves[0]
    middle = (move.start + move.stop) / 2
    slope = (np.array(thing.at(middle + 0.01)) - thing.at(middle - 0.01)) / 0.02
    assert slope == pytest.approx(thing.velocity(middle))
    assert thing.velocity(move.stop + 0.01) == (0, 0)


def test_a_scene_survives_json() -> None:
    for scene in scenes("test", 20, SceneOptions(seconds=3.0, sounding=1.0)):
        assert Scene.from_dict(json.loads(json.dumps(scene.as_dict()))) == scene


def test_bad_wishes_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="from 1 to 6"):
        SceneOptions(things=(3, 9))
    with pytest.raises(BadInput, match="no pair of these"):
        SceneOptions(pairs="unseen", shapes=("circle",), colours=("orange",))
    with pytest.raises(BadInput, match="no split 'dev'"):
        next(scenes("dev", 1))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no 'cube'"):
        Thing("cube", "red", "small", "matte", 0.5, 0.5, 0.2)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="not a scene"):
        Scene.from_dict({"things": [{}]})

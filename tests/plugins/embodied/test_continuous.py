"""Pushing by sight: the planner conforms, and sees where things are."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import MissingDependency
from sensorium.payloads import Image, Observation
from sensorium.testing import assert_conforms
from sensorium_plugins.embodied.continuous import PushBySight, Sight, find_cube, find_target
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.mujoco.env import TableTop


def senses(words: str = "push the red cube to the left target") -> Senses:
    picture = np.full((64, 64, 3), 90, np.uint8)
    picture[30:34, 30:34] = (200, 20, 20)
    picture[20:30, 5:15] = 250
    finger = Observation(np.array([0.1, 0, 0.1, 0, 0, 0], np.float32))
    return Senses(
        "environment", 0, 0, 0, 0.0, False, Image(picture), None, (), words,
        {"finger": finger}, {},
    )  # fmt: skip


def test_it_conforms() -> None:
    assert_conforms(PushBySight, [("senses/environment/0", senses())])
    assert_conforms(PushBySight, [("senses/environment/0", senses("sing a song"))])


def test_places_are_right_at_any_start() -> None:
    try:
        env = TableTop(light="varied")
    except MissingDependency as error:
        pytest.skip(str(error))
    off, off_target = [], []
    for seed in range(40):
        seen = env.reset(seed=seed)[0]["camera"]
        assert env.layout is not None
        for colour in env.layout.cubes:
            place = find_cube(seen, colour)
            if place is not None:  # else the finger hides it
                off.append(np.linalg.norm(place - env.cube(colour)))
        for side, place in env.layout.targets.items():
            found = find_target(seen, side)
            assert found is not None
            off_target.append(np.linalg.norm(found[0] - place))
    env.close()
    assert len(off) > 100
    assert np.median(off) < 0.003
    assert np.quantile(off, 0.95) < 0.015
    assert max(off_target) < 0.02


def test_what_is_not_there_is_not_found() -> None:
    table = np.full((64, 64, 3), 90, np.uint8)
    assert find_cube(table, "red") is None
    assert find_target(table, "left") is None
    finger = np.array([0.0, 0.0, 0.1])
    assert Sight().act(table, finger, "push the red cube to the left target") is None
    assert Sight().act(senses().image.data, finger, "dance") is None  # type: ignore[union-attr]

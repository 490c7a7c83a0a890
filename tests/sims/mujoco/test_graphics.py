"""Which way of drawing is chosen, and what is said where none works."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput, MissingDependency
from sensorium_sims.mujoco import graphics
from sensorium_sims.mujoco.scene import project, unproject


@pytest.fixture(autouse=True)
def unset(monkeypatch: Any) -> None:
    monkeypatch.delenv(graphics.VARIABLE, raising=False)


def test_the_first_way_that_works_is_chosen(monkeypatch: Any) -> None:
    monkeypatch.setattr(graphics, "why_not", lambda way: "" if way == "osmesa" else "no driver")
    graphics.check("lab")
    assert os.environ.pop(graphics.VARIABLE) == "osmesa"


def test_where_nothing_draws_it_says_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setattr(graphics, "why_not", lambda way: f"no {way} here")
    with pytest.raises(MissingDependency, match=r"egl: no egl here; osmesa.*apt install libegl1"):
        graphics.check("sensorium/TableTop-v0")
    assert graphics.VARIABLE not in os.environ


def test_a_way_that_one_asked_for_is_checked(monkeypatch: Any) -> None:
    monkeypatch.setenv(graphics.VARIABLE, "crayons")
    with pytest.raises(BadInput, match=r"MUJOCO_GL=crayons cannot draw.*invalid value"):
        graphics.check("lab")  # tried for real, in a process of its own
    monkeypatch.setattr(graphics, "why_not", lambda way: "")
    graphics.check("lab")
    assert os.environ[graphics.VARIABLE] == "crayons"  # it stands


def test_a_renderer_that_cannot_be_made() -> None:
    class Mujoco:
        @staticmethod
        def Renderer(*_: Any) -> None:  # noqa: N802 - the library's name
            raise RuntimeError("no context")

    with pytest.raises(MissingDependency, match=r"no context.*libegl1"):
        graphics.renderer(Mujoco, None, 8, 8)


def test_what_the_camera_sees_leads_back_to_the_place() -> None:
    places = np.random.default_rng(0).uniform((-0.3, -0.25), (0.3, 0.25), (50, 2))
    raised = np.concatenate([places, np.full((50, 1), 0.03)], 1)
    pixels = project(raised, 128)
    assert (pixels > 0).all()
    assert (pixels < 127).all()
    assert unproject(pixels, 0.03, 128) == pytest.approx(places, abs=1e-9)

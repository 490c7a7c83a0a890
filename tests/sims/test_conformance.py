"""The bridge's components and payloads are what every plugin's should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium.payloads.media import Audio
from sensorium.testing import assert_conforms, check_component, check_payload
from sensorium_sims.bridge.actuator import EnvironmentActuator
from sensorium_sims.bridge.payloads import Advice, EpisodeEnded, EpisodeStarted, Observed
from sensorium_sims.bridge.planners import (
    BearingFollowerPlanner,
    OraclePlanner,
    RandomPlanner,
)
from sensorium_sims.bridge.source import Environment

WHERE = ("w", 0, 0)
STARTED = EpisodeStarted(*WHERE, 7, "lab/Maze-v0", "go", ("left", "right"), "Discrete(2)")
OBSERVED = Observed(*WHERE, 0, 0.0, False)
ADVICE = Advice(*WHERE, 0, "left")
ENDED = EpisodeEnded(
    *WHERE, 7, "lab/Maze-v0", 1, 1.0, True, "terminated", "", "", 0, 0,
    ("left",), (1.0,), {"path_length": 2.0},
)  # fmt: skip
LOUD = Audio(np.full(800, 0.02, np.float32), 16_000)
QUIET = Audio(np.full(800, 0.01, np.float32), 16_000)


@pytest.mark.parametrize("payload", [STARTED, OBSERVED, ADVICE, ENDED])
def test_payloads_travel(payload: Any) -> None:
    assert check_payload(type(payload), payload) == []


@pytest.mark.parametrize(
    ("planner", "events"),
    [
        (RandomPlanner, [("sim/w/0/started", STARTED), ("sim/w/0/observed", OBSERVED)]),
        (OraclePlanner, [("sim/w/0/advice", ADVICE)]),
        (
            BearingFollowerPlanner,
            [
                ("sim/w/0/started", STARTED),
                ("ears/w/left", LOUD),
                ("ears/w/right", QUIET),
                ("sim/w/0/observed", OBSERVED),
            ],
        ),
    ],
)
def test_planners_conform(planner: Any, events: Any) -> None:
    assert_conforms(planner, events)


def test_the_environment_conforms() -> None:
    options = {"id": "sensorium/AVWorld-Refer-v0", "idle_action": "forward", "max_steps": 3}
    assert_conforms(Environment, options=options)
    assert check_component(EnvironmentActuator) == []

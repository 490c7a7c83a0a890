"""A grid world in words says what is there, and where."""

from __future__ import annotations

import numpy as np

from sensorium_sims.balrog.words import ACTIONS, describe, instruction


def view(*cells: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """Empty but for cells (right, ahead, what)."""
    seen = np.zeros((7, 7, 3), np.int64)
    seen[:, :, 0] = 1
    for right, ahead, what in cells:
        seen[3 + right, 6 - ahead] = what
    return seen


def test_things_are_told_from_where_the_agent_stands() -> None:
    seen = view(
        (0, 3, (6, 0, 0)), (-1, 0, (5, 2, 0)), (2, 1, (7, 5, 0)), (1, 5, (4, 3, 2)),
        (-2, 2, (4, 1, 0)), (3, 6, (4, 4, 1)),
    )  # fmt: skip
    assert describe(seen) == [
        "a blue key 1 step left",
        "a grey box 2 steps right and 1 step forward",
        "an open green door 2 steps left and 2 steps forward",
        "a red ball 3 steps forward",
        "a locked purple door 1 step right and 5 steps forward",
        "a closed yellow door 3 steps right and 6 steps forward",
    ]


def test_what_is_carried_comes_first_then_the_nearest_walls() -> None:
    wall = (2, 5, 0)
    seen = view((0, 0, (5, 4, 0)), (0, 2, wall), (0, 4, wall), (-2, 0, wall), (1, 0, wall))
    seen[3, 0] = 0
    assert describe(seen) == [
        "You carry a yellow key",
        "a wall 2 steps forward",
        "a wall 2 steps left",
        "a wall 1 step right",
    ]


def test_what_is_not_seen_is_not_told() -> None:
    assert describe(np.zeros((7, 7, 3), np.int64)) == []


def test_the_instruction_holds_goal_and_actions() -> None:
    told = instruction("open the door", {name: what for name, (_, what) in ACTIONS.items()})
    assert "Your goal is to open the door." in told
    for name, (_, what) in ACTIONS.items():
        assert f"{name}: {what}" in told
    assert "fly,\nsit." in instruction("rest", {"fly": "", "sit": ""})

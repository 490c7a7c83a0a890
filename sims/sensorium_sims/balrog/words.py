"""A grid world in words, as BALROG tells it to language models (there after BabyAI-Text).

What is in view is listed from the agent: what it carries, the nearest wall ahead, to the left and
to the right, then things, "2 steps right and 1 step forward". Doors say whether they are open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLORS = ("red", "green", "blue", "purple", "yellow", "grey")
KINDS = {4: "door", 5: "key", 6: "ball", 7: "box", 8: "goal", 9: "lava"}
STATES = ("open", "closed", "locked")
_WALL, _DOOR, _EMPTY = 2, 4, 1

ACTIONS = {
    "turn left": ("left", "turn to the left"),
    "turn right": ("right", "turn to the right"),
    "go forward": ("forward", "take one step forward"),
    "pick up": ("pickup", "pick up the object in front of you"),
    "drop": ("drop", "drop the object that you are carrying"),
    "toggle": ("toggle", "open or close the door in front of you"),
}
"""BALROG's words for actions: MiniGrid's word, and what the action does."""
HISTORY = 16
"""Observations, the present one included, that a model is shown."""


def describe(view: NDArray[np.integer]) -> list[str]:
    """What an agent sees in a view (N, N, 3) of kind, colour and state, one thing a line."""
    side = view.shape[0]
    half, last = side // 2, side - 1
    told = []
    if view[half, last, 0] not in (0, _EMPTY):
        told.append(f"You carry {_thing(view[half, last])}")
    told += _walls(view)
    for j in range(last, -1, -1):
        for i in range(side):
            if int(view[i, j, 0]) in KINDS and (i, j) != (half, last):
                told.append(f"{_thing(view[i, j])} {_where(i - half, last - j)}")
    return told


def _walls(view: NDArray[np.integer]) -> list[str]:
    side = view.shape[0]
    half, last = side // 2, side - 1
    ways = {
        (0, 1): [(half, last - n) for n in range(1, side)],
        (-1, 0): [(half - n, last) for n in range(1, half + 1)],
        (1, 0): [(half + n, last) for n in range(1, half + 1)],
    }
    told = []
    for (right, ahead), cells in ways.items():
        for n, (i, j) in enumerate(cells, 1):
            if view[i, j, 0] == _WALL:
                told.append(f"a wall {_where(right * n, ahead * n)}")
                break
    return told


def _thing(cell: NDArray[np.integer]) -> str:
    kind, color, state = (int(number) for number in cell)
    words = f"{COLORS[color]} {KINDS[kind]}"
    if kind == _DOOR:
        words = f"{STATES[state]} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _where(right: int, ahead: int) -> str:
    ways = []
    if right:
        ways.append(f"{_steps(abs(right))} {'right' if right > 0 else 'left'}")
    if ahead:
        ways.append(f"{_steps(ahead)} forward")
    return " and ".join(ways)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def instruction(mission: str, actions: dict[str, str]) -> str:
    """What a model is told before an episode: its goal, and what each action does."""
    listed = ",\n".join(f"{name}: {what}" if what else name for name, what in actions.items())
    return (
        f"You are an agent playing a simple navigation game. Your goal is to {mission}. "
        "These are the actions you can take, each with a short description:\n\n"
        f"{listed}.\n\n"
        "You will be shown what you observe.\n\n"
        "Tips:\n"
        "- When the object you want to handle is right in front of you, pick up or toggle it.\n"
        "- Repeating an action makes no sense when what you observe does not change.\n\n"
        "PLAY!"
    )


QUESTION = "Answer with one of the actions, and nothing else.\nAction:"
"""What ends the newest observation: a zero-shot question without a chain of thought."""

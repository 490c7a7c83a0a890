"""What an agent senses, in words for a language model."""

from __future__ import annotations

import numpy as np

from sensorium_plugins.embodied.gridmap import cells_of
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.balrog.words import ACTIONS, describe

GRID = frozenset(word for word, _ in ACTIONS.values())
_SMALL = 16
"""Numbers of an array that are still told one by one."""
_LOUDER = 1.25


def actions_of(words: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """For each action as it is told to the model: the environment's word, and what it does.

    Grid worlds have BALROG's words; others their own, underscores read as spaces.
    """
    if set(words) >= GRID:
        return dict(ACTIONS)
    return {word.replace("_", " "): (word, "") for word in words}


def tell(senses: Senses, words: tuple[str, ...]) -> str:
    """What is sensed, one thing a line: the view of a grid world as BALROG tells it; elsewhere
    numbers, and on which side it is louder. Pictures are not told."""
    view = senses.arrays.get("image")
    if view is not None and set(words) >= GRID:
        return "\n".join(describe(cells_of(view.values)))
    told = [f"{name}: {value}" for name, value in senses.values.items()]
    for name, array in senses.arrays.items():
        if array.values.size <= _SMALL:
            told.append(f"{name}: {', '.join(f'{value:.2f}' for value in array.values)}")
    if len(senses.ears) == 2:
        told.append(_louder(senses))
    return "\n".join(told) or "nothing that can be told in words"


def _louder(senses: Senses) -> str:
    left, right = (float(np.sqrt(np.mean(ear.samples**2))) for ear in senses.ears)
    if max(left, right) < 1e-4:
        return "you hear nothing"
    if left > _LOUDER * right:
        return "you hear something on your left"
    if right > _LOUDER * left:
        return "you hear something on your right"
    return "you hear something ahead of you or behind you"

"""The same demonstration, shown otherwise: in other colours, of other things, in a mirror.

BabyAI's worlds know no colour from another, nor left from right: an episode whose colours are
exchanged in view and instruction alike is an episode of the same level, and what the expert did is
right in it, too. So one demonstration stands for up to 6! x 3! x 2 of them, at no cost of play.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium.errors import BadInput
from sensorium_models.policies.babyai import CELLS, COLOURS, KINDS, WORDS, Episodes

if TYPE_CHECKING:
    from sensorium_models.policies.lessons import Lesson

VARIATIONS = ("colours", "things", "mirror")
"""``colours``: the six are exchanged. ``things``: keys, balls and boxes are; not for levels in
which a key opens a door or a box holds something. ``mirror``: left is right."""
COLOUR_WORDS = ("red", "green", "blue", "purple", "yellow", "grey")
"""As MiniGrid numbers them."""
KEY, BALL, BOX = 5, 6, 7
THINGS = {KEY: "key", BALL: "ball", BOX: "box"}
COLOURED = (4, KEY, BALL, BOX)
"""Doors and things; walls, floor, goal and lava keep theirs."""
SIDE = 7
MIRRORED = torch.arange(CELLS).view(SIDE, SIDE).flip(0).reshape(-1)
"""Cell by cell: MiniGrid's view is (across, along)."""
LEFT, RIGHT = 0, 1
"""Actions."""


def check_variations(asked: Collection[str]) -> None:
    """Raise :class:`BadInput` for one that there is not."""
    unknown = sorted(set(asked) - set(VARIATIONS))
    if unknown:
        raise BadInput(f"{unknown[0]!r} is no variation; there are {', '.join(VARIATIONS)}")


def varied(lesson: Lesson, asked: Collection[str], random: np.random.Generator) -> Lesson:
    """Each episode of the batch by itself, in a way drawn from ``random``; the same shapes, but
    ``kinds`` is then (N, K, 3)."""
    check_variations(asked)
    episodes, actions = lesson.episodes, lesson.actions
    many = len(episodes.tokens)
    words = torch.arange(len(WORDS) + 2).repeat(many, 1)  # (N, words): what each becomes
    kinds = episodes.kinds.expand(many, -1, -1).clone()  # (N, K, 3)
    if "colours" in asked:
        colours = _orders(many, COLOURS, random)
        exchanged = colours.gather(1, kinds[..., 1])
        has_one = torch.isin(kinds[..., 0], torch.tensor(COLOURED))
        kinds[..., 1] = torch.where(has_one, exchanged, kinds[..., 1])
        _say(words, COLOUR_WORDS, colours)
    if "things" in asked:
        order = _orders(many, len(THINGS), random)
        table = torch.arange(KINDS).repeat(many, 1)
        table[:, KEY : BOX + 1] = order + KEY
        kinds[..., 0] = table.gather(1, kinds[..., 0])
        _say(words, tuple(THINGS.values()), order)
    cells = episodes.cells
    if "mirror" in asked:
        turned = torch.from_numpy(random.random(many) < 0.5)  # (N,)
        frames = turned[episodes.episode]  # (F,)
        cells = torch.where(frames[:, None], cells[:, MIRRORED], cells)
        sideways = frames & (actions <= RIGHT)
        actions = torch.where(sideways, LEFT + RIGHT - actions, actions)
        _say(words, ("left", "right"), torch.stack([turned, ~turned], 1).long())
    tokens = words.gather(1, episodes.tokens)
    episodes = Episodes(cells, kinds, episodes.episode, episodes.step, tokens)
    return lesson._replace(episodes=episodes, actions=actions)


def _orders(many: int, size: int, random: np.random.Generator) -> Tensor:
    """(many, size) orders, each drawn by itself."""
    drawn: NDArray[np.float64] = random.random((many, size))
    return torch.from_numpy(drawn.argsort(1))


def _say(words: Tensor, names: tuple[str, ...], order: Tensor) -> None:
    """In each episode the word of each name becomes that of the name in its place."""
    numbers = torch.tensor([WORDS.index(name) + 2 for name in names])
    words[:, numbers] = numbers[order]

"""Episodes in a plain loop: played by the policy or shown by the oracle, with the oracle's labels.

A label is the option that the oracle would have taken: the thing that is meant where it is on the
chart, else the edge of the chart from which least is left to walk to it. Any state can be
labelled, whoever led there, so what is gathered while the policy plays teaches, too (DAgger, Ross
et al. 2011, arXiv:1011.0686).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_models.policies.avworld.mind import AROUND, Choose, Mind
from sensorium_models.policies.avworld.networks import Networks
from sensorium_models.policies.avworld.options import OFF_WAY
from sensorium_sims.avworld.env import AVWorld
from sensorium_sims.avworld.hearing import arrival
from sensorium_sims.avworld.moving import HEADINGS
from sensorium_sims.avworld.oracle import Oracle
from sensorium_sims.avworld.world import World

F32 = NDArray[np.float32]
SAME_M = 0.8
"""A thing on the chart that is no farther from the thing that is meant is it."""
LIMIT_S = 60.0
"""CPU seconds after which an episode is given up."""
LEARNT_FROM = 6
"""Steps at the beginning whose options nobody learns from: too little was seen."""


@dataclass(slots=True)
class Played:
    """One episode."""

    seed: int
    success: bool = False
    wrong: bool = False
    hung: bool = False
    info: dict[str, Any] = field(default_factory=dict)
    """The environment's last."""
    options: list[F32] = field(default_factory=list)
    """Of each step that has a label: (K, F)."""
    labels: list[int] = field(default_factory=list)
    agreed: int = 0
    """Labels that the policy's likeliest option was."""


class Labeller:
    """Knows where the chart lies in the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._x, self._y, heading = world.episode.start
        turn = heading * 2 * math.pi / HEADINGS
        self._cos, self._sin = math.cos(turn), math.sin(turn)

    def in_world(self, x: float, y: float) -> tuple[float, float]:
        """The world's place of a place on the chart."""
        return (
            self._x + x * self._cos - y * self._sin,
            self._y + x * self._sin + y * self._cos,
        )

    def label(self, mind: Mind) -> int | None:
        """The right one among the mind's options; None where none is."""
        world, episode = self._world, self._world.episode
        goal = episode.target
        if episode.wanted is not None and world.carrying != episode.wanted:
            goal = episode.wanted
        target = world.places[goal]
        best, chosen = math.inf, None
        for index, option in enumerate(mind.options):
            x, y = self.in_world(option.x, option.y)
            apart = math.hypot(x - target.x, y - target.y)
            if option.track is not None:
                cost = apart - 1000 if apart < SAME_M else math.inf
            else:
                room = episode.world.room_at(x, y)
                if room < 0 or option.away >= OFF_WAY:
                    continue
                at = (target.x, target.y), target.room
                cost = option.away + arrival(episode.world, (x, y, 0.0), room, *at).distance
            if cost < best:
                best, chosen = cost, index
        return chosen


def play(
    env: AVWorld, seed: int, networks: Networks, choose: Choose, *,
    shown: float = 0.0, keep: bool = False,
) -> Played:  # fmt: skip
    """One episode of the policy; ``shown`` is the share of its steps that the oracle takes
    instead (1: a demonstration). ``keep``: with options and labels."""
    observation, _ = env.reset(seed=seed)
    world = env.world
    assert world is not None
    oracle, labeller = Oracle(world), Labeller(world)
    rng = np.random.default_rng([seed, 5])
    mind, reading = Mind(), networks.reading()
    played, began = Played(seed), time.process_time()
    terminated = truncated = False
    info: dict[str, Any] = {}
    while not (terminated or truncated):
        percept = networks.perceive(observation)
        slots = reading.read(observation)
        carry, touch = int(observation["carry"]), bool(observation["touch"])
        action = int(mind.act(percept, slots, carry, touch, choose))
        if keep and mind.step > LEARNT_FROM and mind.numbers is not None:
            right = labeller.label(mind)
            if right is not None and len(mind.options) > 1:
                played.options.append(mind.numbers)
                played.labels.append(right)
                played.agreed += int(int(choose(mind.numbers).argmax()) == right)
        if mind.step > AROUND and rng.random() < shown:
            action = int(oracle.act())
            mind.last, mind.waited = action, 0
        observation, _, terminated, truncated, info = env.step(action)
        if time.process_time() - began > LIMIT_S:
            played.hung = True
            return played
    played.success, played.wrong = bool(info["is_success"]), bool(info["wrong_object"])
    played.info = info
    return played

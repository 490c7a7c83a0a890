"""Teaching the senses: seeing and hearing, both from the same random moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from sensorium_models.policies.avworld import hearing, sight
from sensorium_models.policies.avworld.hearing import DIRECTIONS, Hearing
from sensorium_models.policies.avworld.scenes import Moments, moments
from sensorium_models.policies.avworld.sight import COLOURS, Sight
from sensorium_models.training import Draw

VALIDATION = 384
"""Moments, of a seed that no training draws."""
LIKELY = 0.5


class Batch(TypedDict):
    """A batch of :class:`~.scenes.Moments`."""

    pictures: Tensor
    sound: Tensor
    depth: Tensor
    centre: Tensor
    about: Tensor
    kinds: Tensor
    heard: Tensor


class Senses(nn.Module):
    """Both networks; they share nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sight = Sight()
        self.hearing = Hearing()


class SensesTask:
    """What there is to learn, see :class:`sensorium_models.training.Task`."""

    name = "avworld senses"
    score = "score"

    def __init__(self) -> None:
        self._held: Batch | None = None

    def build(self, seed: int) -> Senses:
        """New networks."""
        return Senses()

    def batch(self, draw: Draw) -> Batch:
        """Moments that nobody saw before."""
        return _tensors(moments(draw.rng(), draw.size))

    def losses(self, network: Senses, batch: Batch) -> Mapping[str, Tensor]:
        """Of seeing and of hearing."""
        seen = network.sight(batch["pictures"])
        heard = network.hearing(batch["sound"])
        return {
            **sight.losses(seen, batch["depth"], batch["centre"], batch["about"], batch["kinds"]),
            **hearing.losses(heard, batch["heard"]),
        }

    def validate(self, network: Senses) -> Mapping[str, float]:
        """On moments of their own: shares in [0, 1], and the score that sums them up."""
        if self._held is None:
            self._held = _tensors(moments(np.random.default_rng([99, 991]), VALIDATION))
        held = self._held
        seen, heard = network.sight(held["pictures"]), network.hearing(held["sound"])
        found = _of_sight(seen, held) | _of_hearing(heard, held)
        return found | {"score": sum(found[name] for name in ("things", "type", "bearing", "word"))}


def _of_sight(seen: Tensor, held: Batch) -> dict[str, float]:
    there = (held["centre"] > 0) & (held["kinds"][:, 0] >= 0)
    rows = seen.permute(0, 2, 1)[there]
    truth = held["kinds"].permute(0, 2, 1)[there]
    found = seen[:, 1].sigmoid() > LIKELY
    middle = held["centre"] > 0
    hits = int((found & _beside(middle)).sum()), int((_beside(found) & middle).sum())
    precise = hits[0] / max(1, int(found.sum()))
    recall = hits[1] / max(1, int(middle.sum()))
    far = (rows[:, 2] - held["about"][:, 0][there]).abs()
    return {
        "wall_off": float((seen[:, 0] - held["depth"]).abs().mean()),
        "things": 2 * precise * recall / max(1e-9, precise + recall),
        "far_off": float(far.mean()),
        "colour": float((rows[:, 4 : 4 + COLOURS].argmax(-1) == truth[:, 0]).float().mean()),
        "type": float((rows[:, 4 + COLOURS :].argmax(-1) == truth[:, 1]).float().mean()),
    }


def _beside(columns: Tensor) -> Tensor:
    """Columns that are marked, or have a neighbour that is."""
    return nn.functional.max_pool1d(columns.float()[:, None], 3, 1, 1)[:, 0] > 0


def _of_hearing(heard: Tensor, held: Batch) -> dict[str, float]:
    """Of the sounds that are there: is the likeliest direction right, give or take one? Is the
    word among as many likeliest words as there are?"""
    truth = held["heard"].amax(-1)[:, :-1]  # (N, 8, 24)
    likely = heard.amax(-1)[:, :-1]
    there = truth.amax(-1) > 0
    best = likely.argmax(-1)
    near = torch.roll(truth, -1, -1) + truth + torch.roll(truth, 1, -1)
    right = torch.gather(near, 2, best[..., None])[..., 0][there] > 0
    strongest = likely.amax(-1)
    pairs = zip(strongest, there.sum(1), strict=True)
    least = torch.stack([row.topk(max(1, int(count))).values[-1] for row, count in pairs])
    return {
        "bearing": float(right.float().mean()),
        "word": float((strongest >= least[:, None])[there].float().mean()),
        "nats": float(hearing.losses(heard, held["heard"])["places"]),
        "chance": 3 / DIRECTIONS,
    }


def _tensors(drawn: Moments) -> Batch:
    return Batch(
        pictures=torch.from_numpy(drawn.pictures),
        sound=torch.from_numpy(drawn.sound),
        depth=torch.from_numpy(drawn.depth),
        centre=torch.from_numpy(drawn.centre),
        about=torch.from_numpy(drawn.about),
        kinds=torch.from_numpy(drawn.kinds),
        heard=torch.from_numpy(drawn.heard),
    )

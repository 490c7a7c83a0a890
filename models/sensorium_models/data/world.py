"""The synthetic world as tensors for training: pictures with captions and with questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sensorium.errors import BadInput
from sensorium_sims.world.captions import Detail, describe, distinct
from sensorium_sims.world.questions import ANSWERS, ask_any
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, Split, rng_for, scenes


class WorldItem(TypedDict):
    """``image`` (3, H, W) uint8; ``answer`` is a place in
    :data:`~sensorium_sims.world.questions.ANSWERS`."""

    image: Tensor
    caption: str
    question: str
    answer: int


@dataclass(frozen=True)
class WorldPictures(Dataset[WorldItem]):
    """``count`` items of a split, each made anew from its number: any worker makes the same one."""

    split: Split
    count: int
    size: int = 64
    options: SceneOptions = field(default_factory=SceneOptions)
    detail: Detail = "colour"
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> WorldItem:
        if not 0 <= index < self.count:
            raise IndexError(index)
        (scene,) = scenes(self.split, 1, self.options, start=index, seed=self.seed)
        words = rng_for(self.split, index, self.seed + 1_000_003)
        question = ask_any(scene, words)
        return {
            "image": torch.from_numpy(render(scene, self.size).image).permute(2, 0, 1).contiguous(),
            "caption": describe(scene, words, self.detail).text,
            "question": question.text,
            "answer": ANSWERS.index(question.answer),
        }

    def distinct(self, wanted: int) -> list[WorldItem]:
        """The first ``wanted`` items none of whose captions fits another: for retrieval.

        Raises BadInput when the split as counted here holds fewer.
        """
        made = scenes(self.split, self.count, self.options, seed=self.seed)
        numbers = [number for number, _ in islice(distinct(made, self.detail), wanted)]
        if len(numbers) < wanted:
            raise BadInput(
                f"{self.count} items hold {len(numbers)} distinct captions, not {wanted}"
            )
        return [self[number] for number in numbers]

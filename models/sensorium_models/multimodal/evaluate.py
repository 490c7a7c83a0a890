"""Measuring a multimodal model: turns answered by free generation, each beside its controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sensorium_models.metrics.rates import Rate, rate
from sensorium_models.multimodal.asking import PAIR_KINDS, TELL, Turn
from sensorium_models.multimodal.checkpoint import Bridge
from sensorium_models.multimodal.connector import LONGEST
from sensorium_models.multimodal.learning import draw_turns
from sensorium_models.multimodal.pictures import Album
from sensorium_models.multimodal.speaker import Speaker
from sensorium_sims.world.questions import KINDS

CHUNK = 40
SEED = 11


@dataclass(frozen=True)
class Seer:
    """A connector with its language model, and the pictures that they are asked about."""

    bridge: Bridge
    speaker: Speaker
    album: Album

    def blind(self) -> Seer:
        """The same pictures with nothing in them."""
        return replace(self, album=replace(self.album, there=torch.zeros_like(self.album.there)))

    def shuffled(self) -> Seer:
        """Each question asked about other pictures: those half an album further, so that pairs
        stay pairs."""
        album, far = self.album, len(self.album.scenes) // 4 * 2
        rolled = replace(album, regions=album.regions.roll(far, 0), there=album.there.roll(far, 0))
        return replace(self, album=rolled)

    @torch.no_grad()
    def answers(self, turns: Sequence[Turn]) -> list[str]:
        """What is said, greedily and freely, to each turn."""
        said: list[str] = []
        for first in range(0, len(turns), CHUNK):
            some = turns[first : first + CHUNK]
            texts = [turn.text for turn in some]
            regions, there = self.album.take([turn.pictures for turn in some])
            words, spoken = self.speaker.words(texts, LONGEST)
            tokens = self.bridge.multi_modal_projector(regions, there, words, spoken)
            said += self.speaker.answers(texts, tokens.flatten(1, 2))
        return said


@dataclass(frozen=True, slots=True)
class Answered:
    """Shares right by exact match: of all turns, and of each kind; beside them the prior (always
    the commonest answer to questions of the same first two words, chosen on these very turns),
    pictures with nothing in them (``blind``) and other pictures (``shuffled``)."""

    right: dict[str, Rate]
    prior: dict[str, Rate]
    blind: dict[str, Rate]
    shuffled: dict[str, Rate]


def questions(seer: Seer, kinds: Sequence[str], of_each: int) -> Answered:
    """Ask ``of_each`` questions of each kind; "all" holds the sum."""
    turns = turns_of(seer.album, kinds, of_each)
    common = _commonest(turns)
    return Answered(
        _by_kind(turns, seer.answers(turns)),
        _by_kind(turns, [common[_form(turn)] for turn in turns]),
        _by_kind(turns, seer.blind().answers(turns)),
        _by_kind(turns, seer.shuffled().answers(turns)),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """Sentences about whole pictures: word for word (things from left to right), and the share of
    things whose colour and shape are both named (recall of the things that are there)."""

    exact: Rate
    named: Rate
    examples: tuple[tuple[str, str], ...]


def told(seer: Seer, count: int) -> Told:
    """What is in the picture?"""
    turns = turns_of(seer.album, (TELL,), count)
    said = seer.answers(turns)
    named: list[bool] = []
    for turn, sentence in zip(turns, said, strict=True):
        there, mentioned = (Counter(_things(text)) for text in (turn.answer, sentence))
        for name, n in there.items():
            found = min(n, mentioned[name])
            named += [True] * found + [False] * (n - found)
    examples = tuple((one, turn.answer) for one, turn in zip(said[:4], turns, strict=False))
    exact = rate(one == turn.answer for one, turn in zip(said, turns, strict=True))
    return Told(exact, rate(named), examples)


def turns_of(album: Album, kinds: Sequence[str], of_each: int) -> list[Turn]:
    """``of_each`` turns of each kind, always the same ones."""
    return [
        turn
        for number, kind in enumerate(kinds)
        for turn in draw_turns(album, np.random.default_rng([SEED, number]), of_each, (kind,))
    ]


def _things(sentence: str) -> list[str]:
    parts = sentence.replace(" and ", ", ").split(", ")
    return [part.removeprefix("an ").removeprefix("a ") for part in parts]


def _form(turn: Turn) -> tuple[str, str]:
    return turn.kind, " ".join(turn.text.split()[:2])


def _commonest(turns: Sequence[Turn]) -> dict[tuple[str, str], str]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for turn in turns:
        counts.setdefault(_form(turn), Counter())[turn.answer] += 1
    return {form: count.most_common(1)[0][0] for form, count in counts.items()}


def _by_kind(turns: Sequence[Turn], said: Sequence[str]) -> dict[str, Rate]:
    hits = [one == turn.answer for one, turn in zip(said, turns, strict=True)]
    found = {"all": rate(hits)}
    for kind in dict.fromkeys(turn.kind for turn in turns):
        found[kind] = rate(hit for hit, turn in zip(hits, turns, strict=True) if turn.kind == kind)
    return found


__all__ = ["KINDS", "PAIR_KINDS", "Answered", "Seer", "Told", "questions", "told", "turns_of"]

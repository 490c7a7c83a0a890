"""Measuring a video-language model: answers, phrases and sentences, each beside its controls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sensorium_models.metrics.captioning import Bleu, bleu
from sensorium_models.metrics.overlap import span_iou, temporal_grounding
from sensorium_models.metrics.rates import Mean, Rate, mean, rate
from sensorium_models.video_language.films import (
    ASK_KINDS,
    FRAMES,
    PROMPTS,
    AskKind,
    ask_of,
    moves_of,
    narrations,
)
from sensorium_models.video_language.learning import Reel, padded
from sensorium_models.video_language.network import Film, VideoLanguage
from sensorium_models.video_language.words import REPLIES, decode, encode
from sensorium_sims.world.questions import Question
from sensorium_sims.world.sampling import rng_for

CHUNK = 50
THRESHOLDS = (0.5, 0.7)
_CLAUSE = re.compile(r"the (\w+) (\w+) (?:moves (\w+)|stays)")


@dataclass(frozen=True)
class Watched:
    """A network and the films that it is asked about."""

    network: VideoLanguage
    reel: Reel

    def shuffled(self) -> Watched:
        """The same films with their pictures in any order: what is left without time's."""
        rng = np.random.default_rng(5)
        order = np.stack([rng.permutation(FRAMES) for _ in self.reel.scenes])
        rows, chosen = torch.arange(len(order))[:, None], torch.from_numpy(order)
        reel = self.reel
        return replace(
            self,
            reel=Reel(
                reel.scenes,
                reel.tokens[rows, chosen],
                reel.there[rows, chosen],
                reel.thing[rows, chosen],
            ),
        )

    def blind(self) -> Watched:
        """Each question asked about the film after it."""
        reel = self.reel
        return replace(self, reel=Reel(reel.scenes, reel.tokens.roll(1, 0), reel.there.roll(1, 0),
                                       reel.thing.roll(1, 0)))  # fmt: skip

    def ask(self, asked: Sequence[Sequence[str]]) -> Iterator[tuple[int, Film, Tensor, Tensor]]:
        """For chunks of films with their texts: the first film's row, films a text, what each
        text comes to, and the row within the chunk of each text's film."""
        for first in range(0, len(asked), CHUNK):
            some = asked[first : first + CHUNK]
            rows = torch.tensor([row for row, texts in enumerate(some) for _ in texts])
            if not len(rows):
                continue
            packed = self.reel.packed(range(first, first + len(some)))
            with torch.no_grad():
                film = self.network.watch(packed["tokens"], packed["there"], packed["times"])
                mine = film.take(rows)
                ids = padded([encode(text) for texts in some for text in texts])
                yield first, mine, self.network.ask(mine, ids), rows


@dataclass(frozen=True, slots=True)
class Answers:
    """Shares of questions answered right, by kind, and of moving things whose ``way`` was."""

    right: Rate
    kinds: dict[str, Rate]
    way: Rate
    prior: dict[str, Rate]
    """Right by always giving the commonest answer to a question of the same first words."""

    @property
    def prior_right(self) -> Rate:
        """Of all kinds."""
        return _sum(self.prior.values())


def answers(watched: Watched, of_each: int = 4, kinds: Sequence[AskKind] = ASK_KINDS) -> Answers:
    """Ask ``of_each`` questions about each film, of kinds drawn at random."""
    asked = [
        _asked(index, scene, of_each, kinds) for index, scene in enumerate(watched.reel.scenes)
    ]
    given: list[str] = []
    for _, _, come, _ in watched.ask([[q.text for q in some] for some in asked]):
        given += [REPLIES[at] for at in watched.network.answer(come).argmax(-1).tolist()]
    questions = [question for some in asked for question in some]
    hits = [answer == question.answer for answer, question in zip(given, questions, strict=True)]
    common = _commonest(questions)
    guesses = [common[_form(question)] == question.answer for question in questions]
    moving = [hit for hit, q in zip(hits, questions, strict=True)
              if q.kind == "motion" and q.answer != "nowhere"]  # fmt: skip
    return Answers(rate(hits), _by_kind(hits, questions), rate(moving or [False]),
                   _by_kind(guesses, questions))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grounded:
    """R@1 by IoU, and of the best fixed span, which is chosen on the very phrases measured."""

    at: dict[float, Rate]
    prior: dict[float, Rate]
    iou: Mean


def phrases(watched: Watched) -> Grounded:
    """When is it true that …? Of every move that can be named."""
    moves = [moves_of(scene) for scene in watched.reel.scenes]
    found: list[tuple[float, float]] = []
    for _, film, come, _ in watched.ask([[move.phrase for move in some] for some in moves]):
        spans, _ = watched.network.find(film, come)
        found += [_ordered(*span) for span in spans.tolist()]
    true = [(move.start, move.stop) for some in moves for move in some]
    fixed = max(
        ((start, start + length) for start in np.arange(0, 1, 0.04)
         for length in np.arange(0.1, 0.8, 0.04)),
        key=lambda span: sum(span_iou(span, one) >= 0.7 for one in true),
    )  # fmt: skip
    return Grounded(
        temporal_grounding(found, true, THRESHOLDS),
        temporal_grounding([fixed] * len(true), true, THRESHOLDS),
        mean(span_iou(a, b) for a, b in zip(found, true, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """Sentences about whole films. ``attributes`` is the F1 of colours, shapes and ways,
    ``clauses`` that of all three together; both are of the bag that a sentence holds."""

    bleu: Bleu
    exact: Rate
    attributes: float
    clauses: float
    examples: tuple[tuple[str, str], ...]


def told(watched: Watched) -> Told:
    """What happens? Against every order in which it may be told."""
    prompts = [[PROMPTS[index % len(PROMPTS)]] for index in range(len(watched.reel.scenes))]
    said: list[str] = []
    for _, film, come, _ in watched.ask(prompts):
        said += [decode(ids) for ids in watched.network.sentences(film, come).tolist()]
    right = [narrations(scene) for scene in watched.reel.scenes]
    return Told(
        bleu(said, right),
        rate(one in some for one, some in zip(said, right, strict=True)),
        _f1([_attributes(one) for one in said], [_attributes(some[0]) for some in right]),
        _f1([_clauses(one) for one in said], [_clauses(some[0]) for some in right]),
        tuple((one, some[0]) for one, some in zip(said[:6], right, strict=False)),
    )


def _ordered(start: float, stop: float) -> tuple[float, float]:
    return (start, stop) if start < stop else (stop, start)


def _asked(index: int, scene: Any, count: int, kinds: Sequence[AskKind]) -> list[Question]:
    rng = rng_for("test", index, 4321)
    asked: list[Question] = []
    tried = 0
    while len(asked) < count and tried < 20 * count:
        question = ask_of(scene, rng, kinds[int(rng.integers(len(kinds)))])
        tried += 1
        if question is not None:
            asked.append(question)
    return asked


def _form(question: Question) -> tuple[str, str]:
    return question.kind, " ".join(question.text.split()[:2])


def _commonest(questions: Sequence[Question]) -> dict[tuple[str, str], str]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for question in questions:
        counts.setdefault(_form(question), Counter())[question.answer] += 1
    return {form: count.most_common(1)[0][0] for form, count in counts.items()}


def _by_kind(hits: Sequence[bool], questions: Sequence[Question]) -> dict[str, Rate]:
    kinds = dict.fromkeys(question.kind for question in questions)
    return {
        kind: rate(hit for hit, q in zip(hits, questions, strict=True) if q.kind == kind)
        for kind in sorted(kinds)
    }


def _sum(rates: Any) -> Rate:
    listed = list(rates)
    return Rate(sum(one.hits for one in listed), sum(one.n for one in listed))


def _clauses(sentence: str) -> Counter[str]:
    return Counter(" ".join(found) for found in _CLAUSE.findall(sentence))


def _attributes(sentence: str) -> Counter[str]:
    parts = (("colour", "shape", "way"), _CLAUSE.findall(sentence))
    return Counter(
        f"{kind} {value or 'stays'}"
        for clause in parts[1]
        for kind, value in zip(parts[0], clause, strict=True)
    )


def _f1(said: Sequence[Counter[str]], right: Sequence[Counter[str]]) -> float:
    """Micro F1 of bags."""
    both = sum((a & b).total() for a, b in zip(said, right, strict=True))
    every = sum(a.total() + b.total() for a, b in zip(said, right, strict=True))
    return 2 * both / every if every else 0.0

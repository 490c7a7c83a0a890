"""Teaching the connector: first which words it must say, then so that the language model says them.

In the first stage no language model runs. The first tokens of each picture are drawn to the
embeddings of the answer's words, among those of all answers: a classification whose classes are
words of the language model. In the second stage the frozen language model reads the tokens, and
the loss is that of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sensorium_models.multimodal.asking import ALL_KINDS, PAIR_KINDS, PLACES, TELL, Turn, turn_about
from sensorium_models.multimodal.connector import LONGEST, TOKENS, Connector
from sensorium_models.multimodal.pictures import Album
from sensorium_models.multimodal.speaker import UNTOLD, Speaker, padded
from sensorium_models.training import Draw, Plan
from sensorium_sims.world.questions import KINDS, VALUES
from sensorium_sims.world.sampling import Rng

WARM_STEPS, STEPS = 2400, 700
PICTURES = 16_000
VALIDATION = 400
SHARP = 20.0
"""What the cosine of a token with a word is multiplied by."""
BESIDE = 0.5
"""Weight of the first stage's loss in the second."""
SINGLE: tuple[str, ...] = (*KINDS, "query", "count", "relation", TELL)
"""What is asked about one picture, the harder kinds more often."""


def warm_plan(steps: int = WARM_STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """The first stage of the bundled connector."""
    return Plan(
        steps=steps, minutes=minutes, batch=96, learning_rate=1.5e-3, last_rate=0.05,
        anneal_by="steps" if minutes is None else "minutes", warm_up=min(200, steps // 10),
        weight_decay=0.03, betas=(0.9, 0.98), ema=0.998, keep="last", seed=seed,
        precision="bfloat16", evaluate_every=max(1, steps // 5),
    )  # fmt: skip


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """The second stage of the bundled connector."""
    return Plan(
        steps=steps, minutes=minutes, batch=12, learning_rate=5e-4, last_rate=0.05,
        anneal_by="steps" if minutes is None else "minutes", warm_up=min(50, steps // 10),
        weight_decay=0.03, betas=(0.9, 0.98), ema=0.99, keep="last", seed=seed,
        precision="bfloat16", evaluate_every=max(1, steps // 4),
    )  # fmt: skip


class Words:
    """The words that answers are made of, as tokens of the language model."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        said = [*(v for values in VALUES.values() for v in values), "yes", "no", *PLACES,
                *VALUES, *map(str, range(7))]  # fmt: skip
        inside = [f" {v}" for name in ("colour", "shape") for v in VALUES[name]]
        ids = sorted({i for text in (*said, *inside) for i in speaker.ids(text)})
        self._place = {number: at for at, number in enumerate(ids)}
        table = speaker.table[torch.tensor(ids, device=speaker.table.device)].float()
        self.centre = speaker.table.float().mean(0)
        self.goals = functional.normalize(table - self.centre, dim=-1)

    def of(self, turn: Turn) -> list[int]:
        """Which words the first tokens of each picture of a turn are to be."""
        if turn.kind == TELL:
            kept = [word for word in turn.answer.replace(",", "").split()
                    if word not in ("a", "an", "and")]  # fmt: skip
            ids = [self._speaker.ids(f" {word}")[0] for word in kept]
        else:
            ids = self._speaker.ids(turn.answer)
        return [self._place[number] for number in ids][:TOKENS]

    def loss(self, tokens: Tensor, goals: Tensor) -> Tensor:
        """(N, P, TOKENS, width) and (N, TOKENS), UNTOLD where a token is free."""
        known = goals[:, None].expand(-1, tokens.shape[1], -1)
        logits = self.logits(tokens[known != UNTOLD])
        return functional.cross_entropy(logits, known[known != UNTOLD])

    def logits(self, tokens: Tensor) -> Tensor:
        """(..., width) -> (..., words)."""
        unit = functional.normalize(tokens.float() - self.centre, dim=-1)
        return SHARP * unit @ self.goals.T


class ConnectorTask:
    """Turns about pictures, drawn anew for every batch; every fourth batch about two pictures."""

    def __init__(self, speaker: Speaker, train: Album, validation: Album, *, speaks: bool) -> None:
        self.speaker, self.train, self.validation = speaker, train, validation
        self.speaks = speaks
        self.words = Words(speaker)
        self.begun: Mapping[str, Tensor] | None = None
        """What the first stage came to."""

    @property
    def name(self) -> str:
        """For messages."""
        return "connector" if self.speaks else "connector-words"

    score = "right"

    def build(self, seed: int) -> Connector:
        """A new connector, or the one of the first stage."""
        network = Connector(self.speaker.width, self.speaker.size())
        if self.begun is not None:
            network.load_state_dict(dict(self.begun))
        return network

    def batch(self, draw: Draw) -> dict[str, Any]:
        """Regions of pictures, the turns' texts and answers, and the words to be said."""
        two = draw.index % 4 == 3
        turns = draw_turns(self.train, draw.rng(), draw.size, PAIR_KINDS if two else SINGLE)
        return self.packed(self.train, turns)

    def packed(self, album: Album, turns: Sequence[Turn]) -> dict[str, Any]:
        """As :meth:`batch` gives it."""
        regions, there = album.take([turn.pictures for turn in turns])
        words = [self.words.of(turn) for turn in turns]
        goals, here = padded([[*row, *[0] * (TOKENS - len(row))] for row in words])
        for row, one in enumerate(words):
            here[row, len(one) :] = 0
        ids, said = padded([self.speaker.ids(turn.text)[-LONGEST:] for turn in turns])
        return {
            "regions": regions, "there": there, "ids": ids, "said": said,
            "goals": goals.masked_fill(here == 0, UNTOLD),
            "texts": [turn.text for turn in turns], "answers": [turn.answer for turn in turns],
        }  # fmt: skip

    def losses(self, network: Connector, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """``words`` of the first stage, and of the second also what the language model ``says``."""
        tokens = network(
            batch["regions"], batch["there"], self.speaker.table[batch["ids"]].float(),
            batch["said"],
        )  # fmt: skip
        words = self.words.loss(tokens, batch["goals"])
        if not self.speaks:
            return {"words": words}
        says = self.speaker.loss(batch["texts"], tokens.flatten(1, 2), batch["answers"])
        return {"says": says, "words": BESIDE * words}

    def validate(self, network: Connector) -> dict[str, float]:
        """Shares of turns right: by the tokens' nearest words, or by what is said."""
        count = VALIDATION // (8 if self.speaks else 1)
        found: dict[str, float] = {}
        for name, kinds in (("one", (*KINDS,)), ("two", PAIR_KINDS), ("told", (TELL,))):
            turns = draw_turns(self.validation, np.random.default_rng(3), count, kinds)
            found[name] = float(np.mean(self._right(network, turns)))
        return found | {"right": (2 * found["one"] + found["two"] + found["told"]) / 4}

    def _right(self, network: Connector, turns: Sequence[Turn]) -> list[bool]:
        batch = self.packed(self.validation, turns)
        words = self.speaker.table[batch["ids"]].float()
        tokens = network(batch["regions"], batch["there"], words, batch["said"])
        if self.speaks:
            said = self.speaker.answers(batch["texts"], tokens.flatten(1, 2))
            return [one == turn.answer for one, turn in zip(said, turns, strict=True)]
        nearest = self.words.logits(tokens[:, 0]).argmax(-1)
        free = batch["goals"] == UNTOLD
        right: list[bool] = ((nearest == batch["goals"]) | free).all(1).tolist()
        return right


def draw_turns(album: Album, rng: Rng, count: int, kinds: Sequence[str]) -> list[Turn]:
    """``count`` turns about pictures drawn at random, of kinds drawn at random."""
    turns: list[Turn] = []
    while len(turns) < count:
        row, other = (int(one) for one in rng.integers(len(album.scenes), size=2))
        kind = kinds[int(rng.integers(len(kinds)))]
        turn = None
        for _ in range(4):
            turn = turn_about(album.scenes, row, rng, kind, other)
            if turn is not None:
                break
        if turn is not None:
            turns.append(turn)
    return turns


__all__ = ["ALL_KINDS", "ConnectorTask", "Words", "draw_turns", "plan", "warm_plan"]

"""The text encoder's first lesson: what a caption says, before there is any picture.

A text encoder that learns from the noise of pictures alone finds out late which colour goes with
which shape. Forty seconds of reading attributes off its states put that first; the layers that read
are then thrown away, and the encoder is kept as it is, as Stable Diffusion keeps CLIP's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.diffusion.networks import TEXT_WIDTH, small_text_encoder, small_tokenizer
from sensorium_models.diffusion.prompts import Named, parse
from sensorium_models.diffusion.scenes import MOST, sample_drawn, tell
from sensorium_models.training import Draw, Plan
from sensorium_sims.world.relations import RELATIONS
from sensorium_sims.world.sampling import Pairs, Split, rng_for
from sensorium_sims.world.vocabulary import COLOURS, SHAPES, SIZES, plural

VALUES: dict[str, tuple[str | None, ...]] = {
    "shape": (None, *SHAPES),
    "colour": (None, *COLOURS),
    "size": (None, *SIZES),
    "side": (None, *RELATIONS),
}
"""Of each thing; None is what the caption leaves open."""
NOTHING = -100
"""Where nothing is asked (torch's ignore_index)."""
VALIDATION = 300


def plan(steps: int = 1200, seed: int = 0) -> Plan:
    """How the bundled text encoder was taught to read."""
    return Plan(
        steps=steps, batch=32, learning_rate=1.5e-3, last_rate=0.02, warm_up=min(50, steps // 10),
        weight_decay=0.02, betas=(0.9, 0.98), keep="last", evaluate_every=steps, seed=seed,
    )  # fmt: skip


class Reader(nn.Module):
    """A text encoder, and what reads its states: all things off the end, each off its noun."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        values = sum(map(len, VALUES.values()))
        self.all_things = nn.Linear(width, MOST * values)
        self.own = nn.Linear(width, values)


class ReadingTask:
    """What the trainer is given: captions and what they say."""

    name = "diffusion text encoder"
    score = "right"

    def __init__(self) -> None:
        self.tokenizer = small_tokenizer()
        nouns = {shape: shape for shape in SHAPES} | {plural(shape): shape for shape in SHAPES}
        self.nouns = set(self.tokenizer.convert_tokens_to_ids(list(nouns)))

    def build(self, seed: int) -> Reader:
        """A new encoder with its readers."""
        return Reader(small_text_encoder(TEXT_WIDTH))

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Tokens (N, L); what is said of each thing (N, MOST, 4); nouns' own (N, L, 4)."""
        rng = draw.rng()
        return self._tensors([tell(rng, sample_drawn(rng)) for _ in range(draw.size)])

    def losses(self, network: Reader, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``all`` things off the end and the padding after it; ``nouns``, each of its own."""
        states = network.encoder(batch["ids"]).last_hidden_state  # (N, L, width)
        rows = torch.arange(len(states))
        said = _wrong(network.all_things(states[rows, batch["end"]]), batch["all"])
        padding = _wrong(network.all_things(states[:, -1]), batch["all"])
        own = network.own(states)
        parts = own.split([len(values) for values in VALUES.values()], -1)
        nouns = sum(
            functional.cross_entropy(part.flatten(0, 1), batch["own"][:, :, at].flatten())
            for at, part in enumerate(parts)
        )
        return {"all": said + padding, "nouns": torch.as_tensor(nouns)}

    def validate(self, network: Reader) -> dict[str, float]:
        """How many captions are read without a mistake, seen pairs and unseen ones."""
        figures = {}
        splits: tuple[tuple[str, Split, Pairs], ...] = (
            ("right", "validation", "seen"),
            ("right, unseen pairs", "unseen", "unseen"),
        )
        for name, split, pairs in splits:
            rngs = [rng_for(split, at, 62) for at in range(VALIDATION)]
            batch = self._tensors([tell(rng, sample_drawn(rng, pairs=pairs)) for rng in rngs])
            states = network.encoder(batch["ids"]).last_hidden_state
            parts = _parts(network.all_things(states[:, -1]))
            fits = [
                (part.argmax(-1) == batch["all"][:, :, at]) | (batch["all"][:, :, at] == NOTHING)
                for at, part in enumerate(parts)
            ]
            figures[name] = float(torch.stack(fits, -1).all(-1).all(-1).float().mean())
        return figures

    def _tensors(self, captions: Sequence[str]) -> dict[str, Tensor]:
        tokens = self.tokenizer(captions, padding="max_length", return_tensors="pt")
        ids = tokens["input_ids"]
        said = [parse(caption) for caption in captions]
        own = torch.full((*ids.shape, len(VALUES)), NOTHING)
        for row, caption in enumerate(captions):
            places = [at for at, number in enumerate(ids[row].tolist()) if number in self.nouns]
            for place, named in zip(places, _once(said[row], len(places)), strict=True):
                own[row, place] = torch.tensor(_numbers(named))
                if place == places[0] and len(places) > 1:
                    own[row, place, -1] = NOTHING  # nothing before it says where the other is
            assert places, caption
        return {
            "ids": ids,
            "end": tokens["attention_mask"].sum(1) - 1,
            "all": torch.tensor([_padded(things) for things in said]),
            "own": own,
        }


def _parts(logits: Tensor) -> list[Tensor]:
    sizes = [len(values) for values in VALUES.values()]
    apart = logits.reshape(*logits.shape[:-1], MOST, sum(sizes))
    return list(torch.split(apart, sizes, -1))


def _wrong(logits: Tensor, wanted: Tensor) -> Tensor:
    losses = [
        functional.cross_entropy(part.flatten(0, 1), wanted[:, :, at].flatten())
        for at, part in enumerate(_parts(logits))
    ]
    return torch.stack(losses).sum()


def _numbers(named: Named) -> list[int]:
    return [values.index(getattr(named, kind)) for kind, values in VALUES.items()]


def _padded(things: Sequence[Named]) -> list[list[int]]:
    """(MOST, 4): no shape where there is no thing, and no more asked of it."""
    empty = [0] + [NOTHING] * (len(VALUES) - 1)
    return [_numbers(thing) for thing in things] + [empty] * (MOST - len(things))


def _once(things: Sequence[Named], nouns: int) -> list[Named]:
    """One thing a noun: things told together by a number follow one another and are alike."""
    if len(things) == nouns:
        return list(things)
    kept = [thing for at, thing in enumerate(things) if at == 0 or thing != things[at - 1]]
    return kept if len(kept) == nouns else [things[0]] * nouns

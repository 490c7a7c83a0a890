"""Teaching the bundled CLIP: the contrastive loss, its drill, and the task for the trainer.

The loss is CLIP's (Radford et al., 2021, figure 3), symmetric, with a learned temperature, except
that captions which also fit another picture of the batch do not count as wrong for it. Beside it
both towers are drilled (:mod:`drilling`): without that, colours come free and shapes do not come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.clip.drilling import Drill, recoloured, tensors_of, truth_of, truths
from sensorium_models.clip.network import PATCH, SIDE, of_picture, of_text, read, see, small_clip
from sensorium_models.clip.pairs import Batch, sample_batch
from sensorium_models.clip.words import world_tokenizer
from sensorium_models.training import Curriculum, Draw, Plan, Stage
from sensorium_sims.world.captions import TwinKind

HOTTEST = math.log(100)
"""The most that the logarithm of the scale may be, as in the paper."""
NEVER = -1e4
VALIDATION = 400
"""Pictures of the validation split."""
STEPS = 12_000
RECOLOURED = 0.25
"""Share of families whose channels are exchanged."""
READ, DRILL, TOGETHER = 0.15, 0.2, 0.5
"""Shares of the steps; the rest looks at whole pictures."""


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled CLIP was trained; ``minutes`` of CPU time are the most that is spent."""
    return Plan(
        steps=steps, minutes=minutes, anneal_by="steps" if minutes is None else "minutes",
        batch=64, learning_rate=1e-3, last_rate=0.02,
        warm_up=min(100, steps // 10), weight_decay=0.02, betas=(0.9, 0.98), ema=0.998,
        precision="bfloat16", keep="last", evaluate_every=500, seed=seed,
    )  # fmt: skip


def curriculum(steps: int = STEPS) -> Curriculum:
    """Captions only, then pictures of one thing, then of up to three; patches without things are
    left out till late.

    One thing fits 25 patches; three fit 40 of the 64.
    """
    mixed = {"things": (0.15, 0.6, 0.25)}
    first, drill, together = (max(1, round(share * steps)) for share in (READ, DRILL, TOGETHER))
    return Curriculum([
        Stage("read", {**mixed, "read": True, "captions": 1}, steps=first),
        Stage("drill", {"things": (1.0, 0.0, 0.0), "keep": 25, "captions": 1}, steps=drill),
        Stage("together", {**mixed, "keep": 40}, steps=together),
        Stage("whole", mixed),
    ])  # fmt: skip


class Learner(nn.Module):
    """A CLIP and, for the time of learning, the layers that it is drilled with."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip
        self.drill = Drill(clip.config.projection_dim)


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """Symmetric cross-entropy of unit embeddings (N, D) and (K * N, D).

    Text k * N + i belongs to picture i. ``true`` (N, K * N): pairs that hold besides are left out.
    """
    count = len(images)
    logits = scale * images @ texts.T  # (N, K * N)
    own = torch.arange(count)
    losses = []
    for k in range(len(texts) // count):
        mine = torch.zeros_like(true)
        mine[own, own + k * count] = True
        kept = logits.masked_fill(true & ~mine, NEVER)
        losses.append(functional.cross_entropy(kept, own + k * count))
        losses.append(functional.cross_entropy(kept[:, k * count : (k + 1) * count].T, own))
    return torch.stack(losses).mean()


class ClipTask:
    """What the trainer is given: pictures with captions.

    A stage may set ``things`` (the chances of 1, 2 and 3), ``keep`` (patches that are looked at),
    ``captions`` (of each picture) and ``read`` (captions without pictures).
    """

    name = "clip"
    score = "mean"

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes

    def build(self, seed: int) -> Learner:
        """A new network of the ``sizes`` of :func:`small_clip`."""
        clip = small_clip(**self.sizes)
        # Twice as fast on a CPU under bfloat16 as torch's fused attention, for so few tokens.
        clip.set_attn_implementation("eager")
        return Learner(clip)

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Pictures with captions, as :func:`sample_batch` makes them, in tensors."""
        rng = draw.rng()
        things = draw.settings.get("things", (0.2, 0.5, 0.3))
        captions = int(draw.settings.get("captions", 2))
        drawn = "read" not in draw.settings
        made = sample_batch(rng, draw.size, things, captions=captions, side=SIDE if drawn else 0)
        texts = [caption for said in made.captions for caption in said]
        tokens = self._tokenizer(texts, padding=True, return_tensors="pt")
        if not drawn:
            none = torch.zeros(draw.size, dtype=torch.bool)
            words = {"ids": tokens["input_ids"], "mask": tokens["attention_mask"]}
            return words | tensors_of(made, None, none, tokens["input_ids"])
        images, changed = recoloured(made.images, rng.random(draw.size // 2) < RECOLOURED, rng)
        kept = None
        if "keep" in draw.settings:
            kept = kept_patches(made, int(draw.settings["keep"]), rng)
        batch = {
            "images": torch.from_numpy(images), "ids": tokens["input_ids"],
            "mask": tokens["attention_mask"], "true": torch.from_numpy(made.true),
        }  # fmt: skip
        if kept is not None:
            batch["kept"] = kept
        return batch | tensors_of(made, kept, changed, tokens["input_ids"])

    def losses(self, network: Learner, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``contrast``, and the drill: ``whole`` pictures and captions, and things ``alone``."""
        clip, drill = network.clip, network.drill
        texts, words = read(clip, batch["ids"], batch["mask"])
        shown, told = truths(batch)
        nouns = batch["nouns"]
        phrases = of_text(clip, words[nouns[:, 0], nouns[:, 1]])
        whole_texts = drill.embedded(texts, told)
        alone_texts = drill.embedded(phrases, truth_of(batch["said"]))
        if "images" not in batch:
            return {"whole": whole_texts, "alone": alone_texts}
        images, patches = see(clip, batch["images"], batch.get("kept"))
        scale = clip.logit_scale.clamp(max=HOTTEST).exp()
        # A recoloured picture has no caption that is true of it.
        whole = ~batch["changed"]
        captions = whole.repeat(len(texts) // len(images))
        contrast = contrastive_loss(
            functional.normalize(images[whole].float(), dim=-1),
            functional.normalize(texts[captions].float(), dim=-1),
            scale, batch["true"][whole][:, captions],
        )  # fmt: skip
        spots = batch["spots"]
        things = of_picture(clip, patches[spots[:, 0], spots[:, 1]])
        return {
            "contrast": contrast,
            "whole": drill.embedded(images, shown) + whole_texts,
            "alone": drill.embedded(things, truth_of(batch["values"])) + alone_texts,
        }

    def validate(self, network: Learner) -> dict[str, float]:
        """Zero-shot on one thing, and Winoground's groups of two, on the validation split."""
        from sensorium_models.clip.evaluate import Encoder, groups, zero_shot

        encoder = Encoder.of(network.clip, self._tokenizer)
        found = zero_shot(encoder, "validation", VALIDATION)
        shape, both = found.shape.value, found.both.value
        hard = [
            groups(encoder, kind, "validation", VALIDATION // 4).scores.group.value
            for kind in get_args(TwinKind)
        ]
        group = float(np.mean(hard))
        return {"mean": (both + group) / 2, "shape": shape, "pair": both, "group": group}

    @cached_property
    def _tokenizer(self) -> Any:
        return world_tokenizer()


def kept_patches(made: Batch, keep: int, rng: np.random.Generator) -> Tensor:
    """(N, keep) patches in order: those with things in them first, then any others."""
    cut = SIDE // PATCH
    wanted = rng.random((len(made.pictures), cut, cut))
    for row, picture in enumerate(made.pictures):
        for stencil in picture.stencils:
            if stencil is not None:
                height, width = stencil.alpha.shape
                rows = slice(stencil.y // PATCH, (stencil.y + height - 1) // PATCH + 1)
                columns = slice(stencil.x // PATCH, (stencil.x + width - 1) // PATCH + 1)
                wanted[row, rows, columns] += 1
    chosen = np.argsort(-wanted.reshape(len(wanted), -1), axis=1)[:, :keep]
    return torch.from_numpy(np.sort(chosen, axis=1))

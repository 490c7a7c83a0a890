"""How well a CLIP knows the world: zero-shot, retrieval, Winoground's groups, the modality gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.metrics.captioning import clip_score
from sensorium_models.metrics.groups import Winoground, winoground
from sensorium_models.metrics.rates import Mean, Rate, rate
from sensorium_models.metrics.retrieval import Retrieval, both_ways, retrieval
from sensorium_sims.world.captions import TwinKind, describe, distinct, twins
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, Split, rng_for, scenes
from sensorium_sims.world.vocabulary import COLOURS, SHAPES, article

if TYPE_CHECKING:
    from sensorium_models.clip.model import Clip

Floats = NDArray[np.float32]
BATCH = 100
TEMPLATES = ("{}", "a picture of {}", "there is {}", "a photo of {}")
"""Prompt templates; the embeddings of a label's prompts are averaged, as in the CLIP paper."""
SEED = 20
"""Of what is evaluated; training draws otherwise altogether."""


@dataclass(frozen=True)
class Encoder:
    """Pictures (side, side, 3) uint8 and texts to unit vectors (N, D)."""

    images: Callable[[Sequence[NDArray[np.uint8]]], Floats]
    texts: Callable[[Sequence[str]], Floats]
    side: int = 64
    """Pixels of the pictures it is shown."""

    @classmethod
    def of(cls, network: Any, tokenizer: Any) -> Encoder:
        """Of a network in training that takes the world's own size."""
        import torch
        from torch.nn import functional

        from sensorium_models.clip.network import pixels, read

        def images(pictures: Sequence[NDArray[np.uint8]]) -> Floats:
            values = pixels(torch.from_numpy(np.stack(pictures)))
            found = network.get_image_features(values).pooler_output
            return np.asarray(functional.normalize(found.float(), dim=-1).numpy())

        def texts(prompts: Sequence[str]) -> Floats:
            tokens = tokenizer(list(prompts), padding=True, return_tensors="pt")
            found, _ = read(network, tokens["input_ids"], tokens["attention_mask"])
            return np.asarray(functional.normalize(found.float(), dim=-1).numpy())

        return cls(_in_parts(images), _in_parts(texts))

    @classmethod
    def of_model(cls, model: Clip) -> Encoder:
        """Of a loaded model, as an agent uses it."""

        def images(pictures: Sequence[NDArray[np.uint8]]) -> Floats:
            return np.stack([r["embedding"] for r in model.infer([{"image": p} for p in pictures])])

        def texts(prompts: Sequence[str]) -> Floats:
            return np.stack([r["embedding"] for r in model.infer([{"text": t} for t in prompts])])

        return cls(_in_parts(images), _in_parts(texts), model.side)


def _in_parts(embed: Callable[[Sequence[Any]], Floats]) -> Callable[[Sequence[Any]], Floats]:
    return lambda items: np.concatenate(
        [embed(items[at : at + BATCH]) for at in range(0, len(items), BATCH)]
    )


def class_vectors(encoder: Encoder, labels: Sequence[str], templates: Sequence[str]) -> Floats:
    """(labels, D): the mean of each label's prompts, of unit length."""
    prompts = [template.format(label) for label in labels for template in templates]
    found = encoder.texts(prompts).reshape(len(labels), len(templates), -1).mean(1)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """100-way: how often the pair of shape and colour was right, and each of the two.

    ``shuffled`` is the control: the same answers beside the truth of other pictures.
    """

    both: Rate
    shape: Rate
    colour: Rate
    shuffled: Rate


def zero_shot(encoder: Encoder, split: Split, count: int) -> ZeroShot:
    """One thing a picture, against all 100 pairs of shape and colour."""
    shown = list(scenes(split, count, SceneOptions(things=(1, 1)), seed=SEED))
    pairs = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    labels = [article(f"{colour} {shape}") for shape, colour in pairs]
    vectors = class_vectors(encoder, labels, TEMPLATES)
    images = encoder.images([render(scene, encoder.side).image for scene in shown])
    chosen = [pairs[at] for at in (images @ vectors.T).argmax(1)]
    truth = [(scene.things[0].shape, scene.things[0].colour) for scene in shown]
    both = list(zip(chosen, truth, strict=True))
    mixed = np.random.default_rng(SEED).permutation(count)
    return ZeroShot(
        rate(c == t for c, t in both),
        rate(c[0] == t[0] for c, t in both),
        rate(c[1] == t[1] for c, t in both),
        rate(chosen[other] == t for other, t in zip(mixed, truth, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Gallery:
    """Retrieval among pictures with distinct captions, and where the two kinds of vectors lie.

    ``to_text`` and ``to_image`` are the model's; ``blind`` is the control, an oracle that knows
    the colours of all things and nothing else. ``gap`` is the distance between the mean picture and
    the mean text (Liang et al., "Mind the Gap", 2022); ``matched`` and ``unmatched`` are mean
    cosines.
    """

    to_text: Retrieval
    to_image: Retrieval
    blind: Retrieval
    gap: float
    matched: float
    unmatched: float
    score: Mean
    """The CLIP score of the true pairs."""


def gallery(encoder: Encoder, split: Split, count: int) -> Gallery:
    """``count`` pictures of one to three things with a caption each that fits no other."""
    many = scenes(split, 50 * count, seed=SEED)
    kept = [scene for _, scene in islice(distinct(many), count)]
    if len(kept) < count:
        raise BadInput(f"{split} gave {len(kept)} distinct captions, not {count}: ask for fewer")
    rng = np.random.default_rng(SEED)
    texts = encoder.texts([describe(scene, rng).text for scene in kept])
    images = encoder.images([render(scene, encoder.side).image for scene in kept])
    to_text, to_image = both_ways(images, texts)
    colours = [Counter(thing.colour for thing in scene.things) for scene in kept]
    same = np.array([[float(one == other) for other in colours] for one in colours])
    blind = retrieval(same + rng.random(same.shape) / 2)
    cosines = images @ texts.T
    matched = np.diag(cosines)
    unmatched = (cosines.sum() - matched.sum()) / (count * (count - 1))
    gap = float(np.linalg.norm(images.mean(0) - texts.mean(0)))
    return Gallery(
        to_text, to_image, blind, gap, float(matched.mean()), float(unmatched),
        clip_score(images, texts),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Groups:
    """Winoground's scores of one kind of twins.

    ``caption`` is how often a picture's own caption beat its twin's; ``text_only`` is the control,
    the same with a mean picture in place of each: one half by construction.
    """

    scores: Winoground
    caption: Rate
    text_only: Rate


def groups(encoder: Encoder, kind: TwinKind, split: Split, count: int) -> Groups:
    """``count`` twins of a kind (:func:`sensorium_sims.world.captions.twins`)."""
    rng = rng_for(split, SEED, 1)
    made = [twins(rng, kind, SceneOptions(pairs="seen")) for _ in range(count)]
    shown = [render(scene, encoder.side).image for twin in made for scene in twin.scenes]
    images = encoder.images(shown).reshape(count, 2, -1)
    texts = encoder.texts([text for twin in made for text in twin.captions]).reshape(count, 2, -1)
    scores = np.einsum("ncd,nid->nci", texts, images)
    mean = np.repeat(texts @ images.mean((0, 1)), 2, axis=1).reshape(count, 2, 2)
    return Groups(winoground(scores), _chosen(scores), _chosen(mean))


def _chosen(scores: NDArray[np.floating]) -> Rate:
    """Of scores (N, 2, 2) of [caption, image]: pictures whose own caption has the higher one."""
    return rate([*(scores[:, 0, 0] > scores[:, 1, 0]), *(scores[:, 1, 1] > scores[:, 0, 1])])

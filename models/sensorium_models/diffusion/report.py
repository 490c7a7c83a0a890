"""What ``sensorium evaluate diffusion`` and ``evaluate inpainting`` measure, with controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.clip.model import Clip, ClipOptions
from sensorium_models.diffusion.masks import PhraseMasks, room_for
from sensorium_models.diffusion.model import TextToImage, TextToImageOptions
from sensorium_models.diffusion.scenes import SIDE, plain
from sensorium_models.metrics.captioning import clip_score
from sensorium_models.metrics.rates import mean, rate
from sensorium_models.training import Row, lines_of
from sensorium_models.vision.images import resize
from sensorium_sims.world.captions import noun
from sensorium_sims.world.judge import look
from sensorium_sims.world.prompts import TASKS, Prompt, Want, judge, sample_prompt, scene_for
from sensorium_sims.world.relations import Relation
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import Pairs, SceneOptions, pairs_of, rng_for, sample_scene
from sensorium_sims.world.vocabulary import article

U8 = NDArray[np.uint8]
SEED = 30
TASK_TARGET = {"position": "80 %", "attribution": "80 %"}


def measure(
    weights: str = "",
    count: int = 60,
    *,
    steps: int = 25,
    guidance: float = 3.0,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Judge ``count`` pictures of each kind, one a prompt, through the model that agents use.

    Raises ModelUnavailable for what is no pipeline, BadInput for one that does not know the world.
    """
    model = TextToImage(TextToImageOptions(weights=weights, steps=steps, guidance=guidance))
    model.load(device)
    rows: list[Row] = []
    for pairs in ("seen", "unseen"):
        tell(f"one object, {pairs} pairs: {count} pictures")
        rows += _one(model, count, pairs)
        tell(f"two objects, {pairs} pairs: {count} pictures")
        rows.append(_two(model, count, pairs))
    verdicts: list[bool] = []
    for task in TASKS:
        tell(f"GenEval's {task}, unseen pairs: {count} pictures")
        rng = np.random.default_rng([SEED, TASKS.index(task)])
        prompts = [sample_prompt(rng, task, "unseen") for _ in range(count)]
        right, shuffled = _judged(model, prompts)
        verdicts += right
        target = TASK_TARGET.get(task, "85 % over all")
        note = f"target {target}; prompts shuffled {np.mean(shuffled):.1%}"
        rows.append(Row.of(f"GenEval {task}, unseen pairs", rate(right), note))
    rows.append(Row.of("GenEval overall, unseen pairs", rate(verdicts), "target 85 %"))
    tell("CLIP score")
    rows.append(_clip_row(model, count))
    return {
        "weights": weights or "bundled",
        "rows": [asdict(row) for row in rows],
        "command": "sensorium evaluate diffusion" + (f" --weights {weights}" if weights else "")
        + f" --pictures {count} --steps {steps} --guidance {guidance:g}",
    }  # fmt: skip


def measure_inpainting(
    weights: str = "",
    count: int = 40,
    *,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Find one of two things by a phrase, draw another there, and look at both."""
    model = TextToImage(TextToImageOptions(weights=weights))
    model.load(device)
    masks, options = PhraseMasks(), SceneOptions(things=(2, 2), materials=("matte",), gap=0.1)
    overlaps: list[float] = []
    new_right: list[bool] = []
    asked: list[tuple[str, str]] = []
    seen: list[Sequence[tuple[str | None, str]]] = []
    kept: list[bool] = []
    untouched: list[bool] = []
    tell(f"inpainting: {count} pictures")
    at = 0
    while len(overlaps) < count:
        at += 1
        rng = rng_for("test", at, SEED)
        scene = plain(sample_scene(rng, options))
        names = [noun(thing, ("colour", "shape")) for thing in scene.things]
        if names[0] == names[1]:
            continue
        picture = render(scene, SIDE)
        truth = picture.mask(0)
        try:
            mask = masks.find(picture.image, f"the {names[0]}").mask
        except BadInput:
            mask = np.zeros_like(truth)
        overlaps.append(float((mask & truth).sum() / (mask | truth).sum()))
        room = room_for(truth, [picture.mask(1)])
        shape, colour = pairs_of(options)[rng.integers(len(pairs_of(options)))]
        drawn = model.infer([{
            "prompt": article(f"{colour} {shape}"), "image": picture.image, "seed": at,
            "mask": room.astype(np.uint8),
        }])[0]["image"]  # fmt: skip
        things = look(drawn)
        found = [(thing.shape, thing.colour) for thing in things]
        asked.append((shape, colour))
        seen.append(found)
        new_right.append((shape, colour) in found)
        kept.append((scene.things[1].shape, scene.things[1].colour) in found)
        untouched.append(bool((drawn[~room] == picture.image[~room]).all()))
    tell(f"the same things drawn plainly: {count} pictures")
    drawn_plainly = _drawn(model, [article(f"{colour} {shape}") for shape, colour in asked])
    plainly = [
        want in [(thing.shape, thing.colour) for thing in look(image)]
        for want, image in zip(asked, drawn_plainly, strict=True)
    ]
    others = [*seen[1:], *seen[:1]]
    shuffled = np.mean([want in found for want, found in zip(asked, others, strict=True)])
    rows = [
        Row.of("mean IoU of a phrase's mask", mean(overlaps), "target 70 %"),
        Row.of(
            "new object: shape and colour right",
            rate(new_right),
            f"target 75 %; prompts shuffled {shuffled:.1%}",
        ),
        Row.of("  the same thing drawn plainly", rate(plainly), "what the base can do"),
        Row.of("kept object as it was", rate(kept), "target 100 %"),
        Row.of("outside pixels unchanged to the bit", rate(untouched), "target 100 %"),
    ]
    return {
        "weights": weights or "bundled",
        "rows": [asdict(row) for row in rows],
        "command": f"sensorium evaluate inpainting --pictures {count}"
        + (f" --weights {weights}" if weights else ""),
    }


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"text to image ({found['weights']})  [{found['command']}]"]
    lines += lines_of(found, 40)
    return "\n".join(lines)


def _drawn(model: TextToImage, texts: Sequence[str]) -> list[U8]:
    """Pictures of the world's size, seed i for text i."""
    requests: list[Any] = [{"prompt": text, "seed": at} for at, text in enumerate(texts)]
    return [resize(one["image"], SIDE, SIDE) for one in model.infer(requests)]


def _one(model: TextToImage, count: int, pairs: Pairs) -> list[Row]:
    rng = np.random.default_rng([SEED, 10])
    allowed = pairs_of(SceneOptions(pairs=pairs))
    asked = [
        (*allowed[rng.integers(len(allowed))], ("small", "large")[rng.integers(2)])
        for _ in range(count)
    ]
    images = _drawn(model, [article(f"{size} {colour} {shape}") for shape, colour, size in asked])
    seen = [things[0] if len(things := look(image)) == 1 else None for image in images]
    shuffled = seen[1:] + seen[:1]
    rows = []
    for name in ("shape", "colour", "size"):
        at = ("shape", "colour", "size").index(name)
        right, control = (
            [thing is not None and getattr(thing, name) == want[at]
             for thing, want in zip(found, asked, strict=True)]
            for found in (seen, shuffled)
        )  # fmt: skip
        note = f"target 95 %; prompts shuffled {np.mean(control):.1%}"
        rows.append(Row.of(f"one object, {name}, {pairs} pairs", rate(right), note))
    both = [
        thing is not None and (thing.shape, thing.colour, thing.size) == want
        for thing, want in zip(seen, asked, strict=True)
    ]
    return [*rows, Row.of(f"one object, all right, {pairs} pairs", rate(both), "chance 0.5 %")]


def _two(model: TextToImage, count: int, pairs: Pairs) -> Row:
    """Shape and colour of both, and which side, in ``count`` prompts."""
    rng = np.random.default_rng([SEED, 11])
    allowed = pairs_of(SceneOptions(pairs=pairs))
    relations: tuple[Relation, ...] = ("to the left of", "to the right of", "above", "below")
    prompts = []
    for _ in range(count):
        one = allowed[rng.integers(len(allowed))]
        others = [pair for pair in allowed if pair[0] != one[0] and pair[1] != one[1]]
        other = others[rng.integers(len(others))]
        relation = relations[rng.integers(4)]
        wants = (Want(*one), Want(*other))
        text = f"{article(str(wants[0]))} {relation} {article(str(wants[1]))}"
        prompts.append(Prompt("attribution", text, wants, relation))
    right, shuffled = _judged(model, prompts)
    note = f"target 85 %; prompts shuffled {np.mean(shuffled):.1%}"
    return Row.of(f"two objects, all right, {pairs} pairs", rate(right), note)


def _judged(model: TextToImage, prompts: Sequence[Prompt]) -> tuple[list[bool], list[bool]]:
    """Verdicts on each prompt's picture, and on the pictures of other prompts."""
    images = _drawn(model, [prompt.text for prompt in prompts])
    others = [*images[1:], *images[:1]]
    right = [judge(image, one).correct for image, one in zip(images, prompts, strict=True)]
    control = [judge(image, one).correct for image, one in zip(others, prompts, strict=True)]
    return right, control


def _clip_row(model: TextToImage, count: int) -> Row:
    """CLIP score of what is drawn, as a share of that of real pictures of the same prompts."""
    rng = np.random.default_rng([SEED, 12])
    prompts = [sample_prompt(rng, "colour") for _ in range(count)]
    clip = Clip(ClipOptions())
    clip.load("cpu")
    texts = np.stack([r["embedding"] for r in clip.infer([{"text": p.text} for p in prompts])])

    def scored(images: Sequence[U8]) -> Any:
        seen = np.stack([r["embedding"] for r in clip.infer([{"image": i} for i in images])])
        return clip_score(seen, texts)

    real = scored([render(plain(scene_for(rng, prompt)), SIDE).image for prompt in prompts])
    images = _drawn(model, [prompt.text for prompt in prompts])
    drawn, shuffled = scored(images), scored([*images[1:], *images[:1]])
    low, high = (value / real.value for value in drawn.ci95)
    note = f"target 90 %; prompts shuffled {shuffled.value / real.value:.1%}"
    name = "CLIP score, share of real pairs'"
    return Row(name, drawn.value / real.value, count, (low, high), note)

"""What ``sensorium evaluate controlnet`` measures: is it led, by its own control, and by how much.

Pictures are drawn through the model that agents use. Beside each stands its control experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_models.diffusion.control_agreement import TOLERANCE, agreement
from sensorium_models.diffusion.control_learning import LearntKind, hint_of
from sensorium_models.diffusion.model import TextToImage, TextToImageOptions
from sensorium_models.diffusion.scenes import SIDE, plain
from sensorium_models.metrics.rates import mean, rate
from sensorium_models.training import Row
from sensorium_models.vision.images import resize
from sensorium_sims.world.prompts import Prompt, Task, judge, sample_prompt, scene_for
from sensorium_sims.world.render import render

U8 = NDArray[np.uint8]
SEED = 31
ASKED: tuple[Task, ...] = ("colour", "attribution")
MEASURES = {
    "canny": f"edge F1 (within {TOLERANCE} pixel)",
    "depth": "IoU of what stands out",
}
RESAMPLINGS = 2000


def measure_control(
    weights: str = "",
    controlnet: str = "",
    kind: LearntKind = "canny",
    count: int = 60,
    *,
    steps: int = 25,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Draw ``count`` scenes of one or two things, led by their own control, and look at them.

    Raises ModelUnavailable for checkpoints that are not there or do not belong together.
    """
    options = TextToImageOptions(weights=weights, controlnet=controlnet, steps=steps)
    model = TextToImage(options)
    model.load(device)
    prompts, hints = asked(count, kind)
    drawn: dict[str, list[U8]] = {}
    for name, strength in (("1", 1.0), ("0.5", 0.5), ("0", 0.0)):
        tell(f"strength {name}: {count} pictures")
        drawn[name] = _drawn(model, prompts, hints, strength)
    tell(f"an empty control: {count} pictures")
    drawn["empty"] = _drawn(model, prompts, [np.zeros_like(hint) for hint in hints], 1.0)
    tell(f"no control: {count} pictures")
    drawn["none"] = _drawn(model, prompts, None, 0.0)
    rows = [*_led(drawn, hints, kind), *_obeyed(drawn, prompts)]
    same = [bool((a == b).all()) for a, b in zip(drawn["0"], drawn["none"], strict=True)]
    rows.append(Row.of("strength 0: every bit the base's", rate(same), "target 100 %"))
    named = (f" --weights {weights}" if weights else "") + (
        f" --controlnet {controlnet}" if controlnet else ""
    )
    return {
        "weights": controlnet or "bundled",
        "kind": kind,
        "rows": [asdict(row) for row in rows],
        "command": f"sensorium evaluate controlnet --kind {kind}{named} --pictures {count}"
        f" --steps {steps}",
    }


def asked(count: int, kind: LearntKind) -> tuple[list[Prompt], list[U8]]:
    """Prompts of one and of two things in turn, and controls of scenes in which they are true."""
    rng = np.random.default_rng([SEED, 1])
    prompts = [sample_prompt(rng, ASKED[at % 2], "seen") for at in range(count)]
    scenes = [plain(scene_for(rng, prompt)) for prompt in prompts]
    hints = [hint_of(render(scene, SIDE), kind, at) for at, scene in enumerate(scenes)]
    return prompts, hints


def ratio_interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """95 % of the ratio of two means of the same pictures, by resampling the pictures."""
    rng = np.random.default_rng([SEED, 2])
    rows = rng.integers(0, len(above), (RESAMPLINGS, len(above)))
    tops, bottoms = (np.asarray(values)[rows].mean(1) for values in (above, below))
    low, high = np.percentile(tops / np.maximum(bottoms, 1e-9), (2.5, 97.5))
    return float(low), float(high)


def _led(drawn: dict[str, list[U8]], hints: list[U8], kind: LearntKind) -> list[Row]:
    others = [*hints[1:], *hints[:1]]

    def scores(name: str, against: list[U8]) -> list[float]:
        return [agreement(i, h, kind) for i, h in zip(drawn[name], against, strict=True)]

    own, shuffled = scores("1", hints), scores("1", others)
    rows = [Row.of(f"{MEASURES[kind]}, strength 1", mean(own), "its own control")]
    rows.append(Row.of("  against a shuffled control", mean(shuffled), "control experiment"))
    ratio = float(np.mean(own) / max(float(np.mean(shuffled)), 1e-9))
    interval = ratio_interval(own, shuffled)
    rows.append(Row("  own over shuffled", ratio, len(own), interval, "target 3", percent=False))
    for name, told in (("0.5", "strength 0.5"), ("0", "strength 0"), ("empty", "an empty control"),
                       ("none", "the base, no control")):  # fmt: skip
        rows.append(Row.of(f"  {told}", mean(scores(name, hints))))
    return rows


def _obeyed(drawn: dict[str, list[U8]], prompts: list[Prompt]) -> list[Row]:
    rows = []
    for name, told in (("1", "with control"), ("none", "without control")):
        images = drawn[name]
        others = [*images[1:], *images[:1]]
        right = [judge(i, p).correct for i, p in zip(images, prompts, strict=True)]
        wrong = [judge(i, p).correct for i, p in zip(others, prompts, strict=True)]
        note = f"prompts shuffled {np.mean(wrong):.1%}"
        rows.append(Row.of(f"prompt obeyed, {told}", rate(right), note))
    return rows


def _drawn(
    model: TextToImage, prompts: Sequence[Prompt], hints: list[U8] | None, strength: float
) -> list[U8]:
    """Pictures of the world's size, seed i for prompt i."""
    requests: list[Any] = [{"prompt": p.text, "seed": at} for at, p in enumerate(prompts)]
    for request, hint in zip(requests, hints or [], strict=False):
        request |= {"control": hint, "strength": strength}
    return [resize(one["image"], SIDE, SIDE) for one in model.infer(requests)]

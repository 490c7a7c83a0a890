"""Teaching the eye: where things are and what they look like, on pictures of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium_models.training import Draw, Plan
from sensorium_models.video_language.eye import GRID, SIDE, SIZES, WIDTH, Eye
from sensorium_sims.world.questions import VALUES
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.sampling import Rng, SceneOptions, sample_scene, scenes

STEPS = 2400
VALIDATION = 300
ROOMY = SceneOptions(things=(1, 6))
CROWDED = replace(ROOMY, gap=-0.12)
"""Things may hide parts of one another, as in films."""
HIDDEN = 0.4
"""A thing of which less is seen is not asked for."""
MOST = 6
RECOLOURED = 0.3
"""Share of pictures with channels exchanged or inverted, so that a shape is learnt in colours that
it never has: otherwise unseen pairs of the two are misread."""
COLOUR = list(SIZES).index("colour")
UNTOLD = -100
SPREAD = 0.7
"""Of a centre on the map, in cells."""


def eye_plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled eye was trained."""
    return Plan(
        steps=steps, minutes=minutes, batch=48, learning_rate=2e-3, last_rate=0.02,
        warm_up=min(100, steps // 10), weight_decay=0.02, ema=0.995, precision="bfloat16",
        keep="last", seed=seed, evaluate_every=max(1, steps // 4),
    )  # fmt: skip


class EyeTask:
    """Pictures of the seen pairs of shape and colour, drawn anew for every batch."""

    name = "eye"
    score = "all"

    def build(self, seed: int) -> Eye:
        """A new eye."""
        return Eye().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Pictures and the truth about each, as :func:`truth_of` gives it."""
        rng = draw.rng()
        batch = tensors([_picture(rng) for _ in range(draw.size)])
        recoloured = rng.random(draw.size) < RECOLOURED
        for row in np.flatnonzero(recoloured):
            batch["images"][row] = batch["images"][row][..., rng.permutation(3)]
            if rng.random() < 0.5:
                batch["images"][row] = 255 - batch["images"][row]
        # Whatever colour it shows now has no name here.
        batch["told"][torch.from_numpy(recoloured)[batch["row"]], COLOUR] = UNTOLD
        return batch

    def losses(self, network: Eye, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``centres`` (focal, and where in the cell) and ``attributes`` (cross-entropy)."""
        features, found = network(batch["images"].permute(0, 3, 1, 2).float() / 255)
        found, told = found.float(), batch["told"]
        rows, cells = batch["row"], batch["cell"]
        at = features.flatten(2).transpose(1, 2)[rows, cells]  # (M, WIDTH)
        inside = found[:, 1:].flatten(2).transpose(1, 2)[rows, cells].sigmoid() * 2 - 0.5
        heat = focal(found[:, 0], batch["heat"])
        where = functional.smooth_l1_loss(inside, batch["inside"], beta=0.1)
        looks = [
            functional.cross_entropy(logits.float(), told[:, column], ignore_index=UNTOLD)
            for column, logits in enumerate(network.read(at).values())
        ]
        return {"centres": heat + where, "attributes": torch.stack(looks).mean()}

    def validate(self, network: Eye) -> dict[str, float]:
        """Shares of things found and read right, each attribute and ``all`` of them together."""
        return look(network, "validation", VALIDATION)


def look(network: Eye, split: Any, count: int, options: SceneOptions = ROOMY) -> dict[str, float]:
    """The same, of things found, on ``count`` pictures of a split; ``found`` and ``false`` too."""
    pictures = [render(scene, SIDE) for scene in scenes(split, count, options)]
    images = torch.from_numpy(np.stack([picture.image for picture in pictures]))
    with torch.no_grad():
        regions = network.regions(images, MOST + 2)
        read = {k: v.argmax(-1) for k, v in network.read(regions.tokens[..., :WIDTH]).items()}
    right: dict[str, list[bool]] = {name: [] for name in (*SIZES, "all", "found")}
    extra = 0
    for row, picture in enumerate(pictures):
        places = (regions.tokens[row, :, WIDTH : WIDTH + 2] + 0.5).numpy()
        extra += max(0, int(regions.there[row].sum()) - len(picture.scene.things))
        for thing in picture.scene.things:
            far = np.hypot(*(places - (thing.x, thing.y)).T) + ~regions.there[row].numpy() * 9.0
            slot = int(far.argmin())
            right["found"].append(bool(far[slot] < 0.1))
            hits = [int(read[k][row, slot]) == VALUES[k].index(getattr(thing, k)) for k in SIZES]
            for name, hit in zip(SIZES, hits, strict=True):
                right[name].append(hit)
            right["all"].append(all(hits) and right["found"][-1])
    return {k: float(np.mean(v)) for k, v in right.items()} | {"false": extra / len(right["all"])}


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """The loss of centres of CornerNet (Law and Deng, 2018): ``heat`` (N, H, W) is 1 at centres."""
    chance = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = heat == 1
    missed = (1 - chance) ** 2 * chance.log() * peak
    false = (1 - heat) ** 4 * chance**2 * (1 - chance).log() * ~peak
    return -(missed.sum() + false.sum()) / peak.sum().clamp_min(1)


def tensors(pictures: list[Picture]) -> dict[str, Tensor]:
    """``images``, ``heat`` (N, 16, 16), and for each cell near a centre its picture (``row``),
    its ``cell``, where ``inside`` it the centre lies (M, 2), and its values ``told`` (M, 4)."""
    heat = np.zeros((len(pictures), GRID, GRID), np.float32)
    rows, cells, inside, told = [], [], [], []
    ys, xs = np.mgrid[:GRID, :GRID] + 0.5
    for row, picture in enumerate(pictures):
        for x, y, values in truth_of(picture):
            gx, gy = x * GRID, y * GRID
            spot = np.exp(-((xs - gx) ** 2 + (ys - gy) ** 2) / (2 * SPREAD**2))
            spot[min(int(gy), GRID - 1), min(int(gx), GRID - 1)] = 1
            heat[row] = np.maximum(heat[row], spot)
            for cx in {int(gx), round(gx) - 1 if gx % 1 < 0.5 else round(gx)}:
                for cy in {int(gy), round(gy) - 1 if gy % 1 < 0.5 else round(gy)}:
                    if 0 <= cx < GRID and 0 <= cy < GRID:
                        rows.append(row)
                        cells.append(cy * GRID + cx)
                        inside.append((gx - cx, gy - cy))
                        told.append(values)
    return {
        "images": torch.from_numpy(np.stack([picture.image for picture in pictures])),
        "heat": torch.from_numpy(heat), "row": torch.tensor(rows), "cell": torch.tensor(cells),
        "inside": torch.tensor(inside), "told": torch.tensor(told),
    }  # fmt: skip


def truth_of(picture: Picture) -> list[tuple[float, float, list[int]]]:
    """x, y and the places of its values, of each thing that can be seen well enough."""
    seen = []
    for index, thing in enumerate(picture.scene.things):
        whole: NDArray[np.bool_] = picture.whole(index)
        if picture.mask(index).sum() >= HIDDEN * max(1, whole.sum()):
            x, y = thing.at(picture.time)
            seen.append((x, y, [VALUES[name].index(getattr(thing, name)) for name in SIZES]))
    return seen


def _picture(rng: Rng) -> Picture:
    return render(sample_scene(rng, ROOMY if rng.random() < 0.6 else CROWDED), SIDE)

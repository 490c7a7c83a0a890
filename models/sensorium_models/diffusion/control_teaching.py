"""``sensorium train controlnet``: learn to be led, save, measure, write the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.diffusion import control_learning as learning
from sensorium_models.diffusion.checkpoint import (
    base_sha256,
    check_begun,
    control_name,
    load,
    save_control,
)
from sensorium_models.diffusion.control_learning import LearntKind
from sensorium_models.diffusion.control_report import measure_control
from sensorium_models.diffusion.learning import cached
from sensorium_models.training import Fitted, Progress, fit, rows_of, write_card

ABOUT = """\
A ControlNet (Zhang et al., 2023) for the text-to-image pipeline of the synthetic world, a
`diffusers.ControlNetModel` led by {kind}. Used by the model `text_to_image` and by `sensorium
generate --control F --kind {kind}`. Its weights are stored, and were measured, as float16."""
DATA = """\
Pictures of `sensorium_sims.world` with captions and their {kind}, drawn from the seed: one to four
matte things before a plain wall, pairs of shape and colour that are not held out. Made by the
program itself: no person's data is in them."""
NOTES = """\
One training run, one seed: how much it varies from run to run was not measured. It fits the base it
was trained on (UNet sha256 {base}) and no other."""


def learn(
    folder: Path,
    kind: LearntKind,
    base: str = "",
    *,
    steps: int = learning.STEPS,
    scenes: int = learning.SCENES,
    seed: int = 0,
    minutes: float | None = None,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train in ``folder``/``kind``; what was begun there on the same base goes on.

    Raises BadInput for a folder begun on another base, and for a base that is not of the world.
    """
    pipeline = load(base)
    work = folder / kind
    check_begun(work, {"base": base_sha256(base), "kind": kind, "scenes": scenes})
    tell(f"{scenes} scenes to latents and {kind}")
    cache = cached(pipeline.vae, work, scenes)
    hints = learning.hints_of(cache.scenes, kind, work)
    task = learning.ControlTask(pipeline, cache, hints, kind)
    return fit(task, learning.plan(steps, seed, minutes), work, on_progress=on_progress)


def teach(
    folder: Path,
    kind: LearntKind,
    base: str = "",
    *,
    steps: int = learning.STEPS,
    scenes: int = learning.SCENES,
    seed: int = 0,
    minutes: float | None = None,
    pictures: int = 60,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train, save, and measure what was saved.

    ``folder`` then holds ``controlnet-world/`` (for depth ``controlnet-world-depth/``), and a card.
    """
    fitted = learn(folder, kind, base, steps=steps, scenes=scenes, seed=seed, minutes=minutes,
                   tell=tell, on_progress=on_progress)  # fmt: skip
    name = control_name(kind)
    save_control(folder / name, fitted.network)
    found = measure_control(base, str(folder / name), kind, pictures, tell=tell)
    spent = "" if minutes is None else f" --minutes {minutes:g}"
    on = f" --base {base}" if base else ""
    write_card(
        folder / f"{name}.md",
        name=name,
        about=ABOUT.format(kind=kind),
        command=f"sensorium train controlnet --kind {kind}{on} --steps {steps} --scenes {scenes}"
        f" --seed {seed}{spent}",
        data=DATA.format(kind=kind),
        rows=rows_of(found),
        fitted=fitted,
        files=sorted((folder / name).glob("*.safetensors")),
        notes=NOTES.format(base=base_sha256(base)),
        packages=("diffusers", "transformers", "safetensors"),
    )
    return found | {"steps": fitted.steps, "spent_s": round(fitted.spent_s, 1)}

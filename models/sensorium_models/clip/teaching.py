"""Train the bundled CLIP, save it, measure what was saved, write its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.clip.checkpoint import BUNDLED, save
from sensorium_models.clip.learning import STEPS, ClipTask, curriculum, plan
from sensorium_models.clip.report import FULL, Trials, measure
from sensorium_models.clip.words import world_tokenizer
from sensorium_models.training import Progress, fit, rows_of, write_card

CARD = f"{BUNDLED}.md"
ABOUT = """\
A CLIP of the synthetic world in the format of `transformers.CLIPModel`: a vision transformer over
8x8 patches of 64x64 pixels and a text transformer over words, with a learned temperature (Radford
et al., 2021). Used by the model and the component `clip`. Its weights are stored, and were
measured, as float16."""
DATA = """\
Pictures of `sensorium_sims.world` with captions, drawn anew for every batch from the seed, in
families: a scene and the same with one thing about it changed (a shape, a colour, who has which
colour, size or material, who is where), told in the same way. 80 of the 100 pairs of shape and
colour; the other 20 were in no picture and no caption. Made by the program itself: no person's data
is in them."""
NOTES = """\
Beside the contrastive loss other layers read attributes, pairs and places off the embeddings, and
attributes off the patches, while it learns (`sensorium_models.clip.drilling`); they are not part of
what is shipped. One training run, one seed: how much it varies from run to run was not measured. It
knows nothing but this world: its vocabulary is closed, and a photograph means nothing to it."""


def teach(
    folder: Path,
    *,
    steps: int = STEPS,
    seed: int = 0,
    minutes: float | None = None,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
    trials: Trials = FULL,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    The folder then holds ``clip-world/`` (the checkpoint) and ``clip-world.md`` (its card).
    """
    fitted = fit(
        ClipTask(),
        plan(steps, seed, minutes),
        folder,
        curriculum=curriculum(steps),
        on_progress=on_progress,
    )
    saved = folder / BUNDLED
    save(saved, fitted.network.clip, world_tokenizer())
    found = measure(str(saved), trials, tell=tell)
    gap = found["gap"]
    write_card(
        folder / CARD,
        name=BUNDLED,
        about=ABOUT,
        command=f"sensorium train clip --steps {steps} --seed {seed}"
        + ("" if minutes is None else f" --minutes {minutes:g}"),
        data=DATA,
        rows=rows_of(found),
        fitted=fitted,
        files=sorted(saved.iterdir()),
        notes=f"{NOTES}\n\nModality gap {gap['distance']:.3f} (distance of the mean picture from"
        f" the mean text, {gap['pairs']} pairs of seen shapes and colours); mean cosine of true"
        f" pairs {gap['matched']:.3f}, of others {gap['unmatched']:.3f}; CLIP score of true pairs"
        f" {gap['clip_score']:.3f}.",
        packages=("transformers", "tokenizers", "safetensors"),
    )
    return found | {"steps": fitted.steps, "spent_s": round(fitted.spent_s, 1)}

"""Train the connector in two stages, measure what was saved, write its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sensorium_models.multimodal.checkpoint import (
    BUNDLED,
    CONFIG,
    FILE,
    LANGUAGE,
    WEIGHTS,
    Bridge,
    save,
)
from sensorium_models.multimodal.learning import (
    PICTURES,
    STEPS,
    VALIDATION,
    WARM_STEPS,
    ConnectorTask,
    plan,
    warm_plan,
)
from sensorium_models.multimodal.pictures import album, kept_album
from sensorium_models.multimodal.report import measure
from sensorium_models.multimodal.speaker import load_speaker
from sensorium_models.training import Progress, fit, rows_of, write_card
from sensorium_models.video_language.checkpoint import load as load_film
from sensorium_models.video_language.model import bundled as film_weights

OF_EACH = 60
"""Turns of each kind and split that a card's figures rest on."""
ABOUT = """\
Tells a frozen language model (SmolLM2-135M-Instruct of the model store) what a picture shows: the
eye of `video-world`, frozen, and a question-aware connector whose tokens stand in the place of the
picture. Used by the model `multimodal`. Only the connector was trained. Stored, and measured, as
float16."""
DATA = """\
Pictures of `sensorium_sims.world` with 1 to 4 things, 80 of the 100 pairs of shape and colour (the
other 20 were in none), and questions about one and about two of them. Made by the program itself:
no person's data is in them."""
NOTES = """\
One run, one seed. The connector knows nothing but this world. In the first stage it learns which
words the answer has; what the language model adds is to say them. The language model learns
nothing, so that text alone is answered as before."""


def teach(
    folder: Path,
    *,
    steps: int = STEPS,
    warm_steps: int = WARM_STEPS,
    pictures: int = PICTURES,
    seed: int = 0,
    minutes: float | None = None,
    measured: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    ``minutes`` of CPU time are the most that the second stage takes, ``measured`` the turns of
    each kind and split (``OF_EACH`` if None). The folder then holds ``multimodal-world/``, a
    checkpoint, and ``multimodal-world.md``, its card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    eye = load_film(film_weights()).eye
    speaker = load_speaker(LANGUAGE, FILE, "bfloat16", tell)
    tell("pictures, seen by the eye")
    train = kept_album(folder / "pictures.safetensors", eye, pictures, seed, tell)
    held_out = album(eye, "validation", VALIDATION, seed)
    words = ConnectorTask(speaker, train, held_out, speaks=False)
    tell("first stage: which words")
    warm = fit(words, warm_plan(warm_steps, seed), folder / "words", on_progress=on_progress)
    says = ConnectorTask(speaker, train, held_out, speaks=True)
    says.begun = warm.network.state_dict()
    tell("second stage: what the language model says")
    fitted = fit(says, plan(steps, seed, minutes), folder, on_progress=on_progress)
    network: Any = fitted.network
    save(folder / BUNDLED, Bridge(eye, network), LANGUAGE, FILE)
    del speaker, words, says, train
    found = measure(str(folder / BUNDLED), measured or OF_EACH, tell)
    command = (
        f"sensorium train multimodal --steps {steps} --warm-steps {warm_steps}"
        f" --pictures {pictures} --seed {seed}"
    )
    write_card(
        folder / f"{BUNDLED}.md", name=BUNDLED, about=ABOUT,
        command=command + (f" --minutes {minutes:g}" if minutes else ""), data=DATA,
        rows=rows_of(found), fitted=[warm, fitted],
        files=[folder / BUNDLED / WEIGHTS, folder / BUNDLED / CONFIG], notes=NOTES,
        packages=("transformers", "safetensors"),
    )  # fmt: skip
    return found | {"steps": fitted.steps, "spent_s": round(warm.spent_s + fitted.spent_s, 1),
                    "threads": torch.get_num_threads()}  # fmt: skip

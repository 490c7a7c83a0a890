"""Train the eye, then the model around it; measure what was saved; write its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.training import Progress, fit, rows_of, write_card
from sensorium_models.video_language.checkpoint import BUNDLED, save
from sensorium_models.video_language.learning import (
    FILMS,
    STEPS,
    VALIDATION,
    VideoTask,
    kept_reel,
    plan,
    reel,
)
from sensorium_models.video_language.model import WEIGHTS
from sensorium_models.video_language.report import measure
from sensorium_models.video_language.seeing import STEPS as EYE_STEPS
from sensorium_models.video_language.seeing import EyeTask, eye_plan

ABOUT = """\
Answers questions about films of the synthetic world, tells what happens in them and finds when it
does: an eye that finds the things of each picture, a transformer over time, a reader of questions
and a teller of sentences. Used by the model `video_language`. Stored, and measured, as float16."""
DATA = """\
Pictures and films of `sensorium_sims.world`, 80 of the 100 pairs of shape and colour; the other 20
were in none. Made by the program itself: no person's data is in them."""


def teach(
    folder: Path,
    *,
    steps: int = STEPS,
    eye_steps: int = EYE_STEPS,
    films: int = FILMS,
    seed: int = 0,
    minutes: float | None = None,
    measured: int = 400,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    ``minutes`` of CPU time are the most that the second stage takes. The folder then holds
    ``video-world.safetensors`` and ``video-world.md``, its card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tell("the eye: pictures")
    seeing = fit(EyeTask(), eye_plan(eye_steps, seed), folder / "eye", on_progress=on_progress)
    eye: Any = seeing.network
    train = kept_reel(folder / "films.safetensors", eye.eval(), films, seed, tell)
    task = VideoTask(eye, train, reel(eye, "validation", VALIDATION, seed=seed))
    tell("the film: questions, phrases, sentences")
    fitted = fit(task, plan(steps, seed, minutes), folder, on_progress=on_progress)
    network: Any = fitted.network
    save(folder / WEIGHTS, network)
    found = measure(folder / WEIGHTS, measured, tell)
    command = f"sensorium train video --steps {steps} --eye-steps {eye_steps} --films {films}"
    write_card(
        folder / f"{BUNDLED}.md", name=BUNDLED, about=ABOUT,
        command=f"{command} --seed {seed}" + (f" --minutes {minutes:g}" if minutes else ""),
        data=DATA, rows=rows_of(found), fitted=[seeing, fitted], files=[folder / WEIGHTS],
        notes="One run, one seed. It knows nothing but this world; it does not hear.",
        packages=("safetensors",),
    )  # fmt: skip
    return found | {"steps": fitted.steps, "spent_s": round(fitted.spent_s, 1)}

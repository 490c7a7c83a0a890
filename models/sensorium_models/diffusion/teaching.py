"""Train the bundled pipeline, part after part; save it, measure what was saved, write its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium_models.diffusion import autoencoding, learning, reading
from sensorium_models.diffusion.checkpoint import BUNDLED, base_sha256, check_begun, load, save
from sensorium_models.diffusion.networks import noise_schedule, small_tokenizer
from sensorium_models.diffusion.report import measure
from sensorium_models.training import Fitted, Progress, fit, rows_of, write_card

CARD = f"{BUNDLED}.md"
ABOUT = """\
A text-to-image pipeline of the synthetic world, a `diffusers.StableDiffusionPipeline`: an
autoencoder from 64x64 pixels to 8x8 latents, a text encoder over words, and a UNet that attends to
them (Rombach et al., 2022). Used by the model `text_to_image`, the actuator `draw` and
`sensorium generate`. Its weights are stored, and were measured, as float16."""
DATA = """\
Pictures of `sensorium_sims.world` with captions, drawn from the seed: one to four matte things
before a plain wall. 80 of the 100 pairs of shape and colour; the other 20 were in no picture and no
caption. Made by the program itself: no person's data is in them."""
NOTES = """\
One training run, one seed: how much it varies from run to run was not measured. It knows nothing
but this world. The numbers grow with the time that is spent: docs/diffusion.md says what was and
what was not reached."""
AUTOENCODER_STEPS = 3000
READING_STEPS = 1200


@dataclass(frozen=True)
class Learnt:
    """The parts, and how each was learnt."""

    autoencoder: Any
    text_encoder: Any
    unet: Any
    runs: tuple[Fitted, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Steps of each part; ``scenes`` are drawn once and kept as latents."""

    autoencoder: int = AUTOENCODER_STEPS
    reading: int = READING_STEPS
    unet: int = learning.STEPS
    scenes: int = learning.SCENES


def learn(
    folder: Path,
    sizes: Sizes,
    *,
    start: str = "",
    seed: int = 0,
    minutes: float | None = None,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Learnt:
    """Autoencoder, text encoder, UNet, in this order; what was begun in ``folder`` goes on.

    With ``start``, a pipeline's folder, the first two are that pipeline's, and its UNet learns on
    with a new learning rate. ``minutes`` of CPU time are the most that the UNet takes. Raises
    BadInput for a folder begun from another pipeline.
    """
    unet, stages = None, None
    first: tuple[Fitted, ...] = ()
    if start:
        check_begun(folder / "unet", {"start": base_sha256(start), "scenes": sizes.scenes})
        begun = load(start)
        autoencoder, text_encoder = begun.vae, begun.text_encoder
        unet = begun.unet.requires_grad_(True)
    else:
        autoencoder, text_encoder, *runs = _first_parts(folder, sizes, seed, tell, on_progress)
        first, stages = tuple(runs), learning.curriculum(sizes.unet)
    tell(f"{len(first) + 1} of {len(first) + 1}: the UNet; {sizes.scenes} scenes to latents")
    cache = learning.cached(autoencoder, folder / "unet", sizes.scenes)
    last = fit(
        learning.DrawingTask(cache, text_encoder, autoencoder, start=unet),
        learning.plan(sizes.unet, seed, minutes),
        folder / "unet",
        curriculum=stages,
        on_progress=on_progress,
    )
    return Learnt(autoencoder, text_encoder, last.network, (*first, last))


def _first_parts(
    folder: Path, sizes: Sizes, seed: int, tell: Callable[[str], None], on_progress: Any
) -> tuple[Any, Any, Fitted, Fitted]:
    """The autoencoder, the text encoder, and how each was learnt."""
    tell("1 of 3: the autoencoder")
    first = fit(
        autoencoding.AutoencoderTask(),
        autoencoding.plan(sizes.autoencoder, seed),
        folder / "autoencoder",
        on_progress=on_progress,
    )
    autoencoder: Any = first.network
    autoencoding.standardise(autoencoder)
    tell("2 of 3: the text encoder")
    second = fit(
        reading.ReadingTask(),
        reading.plan(sizes.reading, seed),
        folder / "text_encoder",
        on_progress=on_progress,
    )
    text_encoder: Any = second.network.encoder
    return autoencoder, text_encoder, first, second


def begun_from(start: str) -> str:
    """What a card says of the pipeline that was learnt on from."""
    before = base_sha256(start)
    return f"The training above went on from a pipeline with the UNet sha256 {before}."


def teach(
    folder: Path,
    sizes: Sizes,
    *,
    start: str = "",
    seed: int = 0,
    minutes: float | None = None,
    pictures: int = 60,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    The folder then holds ``diffusion-world/`` (the pipeline) and ``diffusion-world.md`` (its card).
    """
    learnt = learn(folder, sizes, start=start, seed=seed, minutes=minutes, tell=tell,
                   on_progress=on_progress)  # fmt: skip
    saved = folder / BUNDLED
    parts = {
        "unet": learnt.unet,
        "vae": learnt.autoencoder,
        "text_encoder": learnt.text_encoder,
        "tokenizer": small_tokenizer(),
    }
    save(saved, parts, noise_schedule())
    found = measure(str(saved), pictures, tell=tell)
    spent = "" if minutes is None else f" --minutes {minutes:g}"
    parts_told = (f" --start {start}" if start else f" --autoencoder-steps {sizes.autoencoder}") + (
        "" if sizes.scenes == learning.SCENES else f" --scenes {sizes.scenes}"
    )
    write_card(
        folder / CARD,
        name=BUNDLED,
        about=ABOUT,
        command=f"sensorium train diffusion --steps {sizes.unet}{parts_told} --seed {seed}{spent}",
        data=DATA,
        rows=rows_of(found),
        fitted=learnt.runs,
        files=sorted(saved.rglob("*.safetensors")),
        notes=NOTES if not start else f"{NOTES}\n{begun_from(start)}",
        packages=("diffusers", "transformers", "safetensors"),
    )
    return found | {"spent_s": round(sum(run.spent_s for run in learnt.runs), 1)}

"""Train the recogniser, save it, measure what was saved, write its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.audio_visual_speech.checkpoint import FILE, save
from sensorium_models.audio_visual_speech.corpus import clips, crowd
from sensorium_models.audio_visual_speech.evaluation import Tests, measure, validation
from sensorium_models.audio_visual_speech.learning import WORDS, Alike, SpeechTask, plan
from sensorium_models.audio_visual_speech.network import AudioVisualSpeech
from sensorium_models.training import Progress, Row, fit, write_card

CARD = "avspeech-world.md"
STEPS, CLIPS = 2200, 6000
VALIDATION, TRIALS = 60, 200
LIGHT = 0.643
"""Share of the steps before cameras in the dark come."""
ABOUT = """\
Recognises the commands of the synthetic world (the GRID corpus's grammar, 51 words) from sound,
from lips, or from both: mel filters and strided convolutions, a transformer whose blocks attend to
the lips, CTC of words. Used by the model and the component `audio_visual_speech`. Weights are
stored, and were measured, as float16."""
DATA = """\
{count:,} commands made from the seed: sentences of the GRID grammar, said by 80 voices of eSpeak NG
(20 speakers in 4 accents) at 110 to 180 words a minute, each by a drawn face of its own at 25
pictures a second, filmed twice by cameras from good to poor. Each time a command comes up it has
other noise (none in 15 of 100; white in 3 of 10 of the rest, babble of six or twelve in the others;
-10 to 13 dB), silence around it, loudness, a longer or shorter throat, gaps and noise in the
picture (heavy noise in the last third of the steps alone); 22 of 100 come without sound, 20
without lips. Measured with 32 other voices (8 speakers), other faces, another crowd. Made by the
program itself: no person's data is in them."""
NOTES = """\
One training run, one seed: how much it varies from run to run was not measured. It knows 51 words,
the synthetic voices it was trained for and drawn faces: a person's speech means little to it, and a
published wav2vec 2.0 goes into its place by the setting `weights`. Lips were measured through a
camera so poor that lips alone are at about half of the words."""


def teach(
    folder: Path,
    *,
    steps: int = STEPS,
    count: int = CLIPS,
    seed: int = 0,
    minutes: float | None = None,
    trials: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    The folder then holds ``avspeech-world.safetensors`` and ``avspeech-world.md`` (its card).
    """
    tell(f"making {count:,} commands with voices and faces: half a minute for each 1,000")
    train = clips("train", count, seed=seed, tell=tell)
    task = SpeechTask(
        train, crowd("train", 12, 20, seed=seed), validation(Tests.of("validation", VALIDATION)),
        dark_from=round(LIGHT * steps),
    )  # fmt: skip
    alike = Alike([len(one.samples) for one in train])
    fitted = fit(task, plan(steps, seed, minutes), folder, sampler=alike, on_progress=on_progress)
    network = fitted.network
    assert isinstance(network, AudioVisualSpeech)
    save(folder / FILE, network, WORDS)
    found = measure(str(folder / FILE), trials or TRIALS, tell=tell)
    missed = [name for name, met in found["targets"].items() if not met]
    told = ", ".join(f"{kind} {value:.1f} dB" for kind, value in found["gain_db"].items())
    write_card(
        folder / CARD,
        name="avspeech-world",
        about=ABOUT,
        command=f"sensorium train avspeech --steps {steps} --clips {count} --seed {seed}"
        + ("" if minutes is None else f" --minutes {minutes:g}"),
        data=DATA.format(count=count),
        rows=rows_of(found),
        fitted=fitted,
        files=[folder / FILE],
        notes=f"{NOTES}\n\nEffective gain of lips at 0 dB: {told}. Targets missed: "
        + ("; ".join(missed) or "none")
        + ".",
    )
    return found | {"steps": fitted.steps, "spent_s": round(fitted.spent_s, 1)}


def rows_of(found: dict[str, Any]) -> list[Row]:
    """The table as rows of a card: word error rates over so many words."""
    names = {"audio": "sound alone", "fused": "sound and lips", "lips": "lips alone",
             "shuffled": "control: lips shuffled in time",
             "late": "control: lips 0.5 s late"}  # fmt: skip
    rows = []
    for cell in found["cells"]:
        where = (
            cell["noise"] if cell["snr_db"] is None else f"{cell['noise']} {cell['snr_db']:g} dB"
        )
        name = names[cell["mode"]] + ("" if where == "any" else f", {where}")
        note = f"WER; {cell['utterances']} commands"
        rows.append(Row(name, cell["wer"], cell["words"], tuple(cell["ci95"]), note))
    return rows

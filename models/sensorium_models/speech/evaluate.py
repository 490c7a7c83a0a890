"""Word error rate of a recogniser on a folder of recordings.

    python -m sensorium_models.speech.evaluate assets/prompts --model whisper-tiny.en

The folder holds audio files of 16 kHz and ``transcripts.tsv`` with the columns ``file`` and
``transcript``.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.metrics.wer import WordErrorRate, word_error_rate
from sensorium_models.speech.waveform import SAMPLE_RATE, Waveform
from sensorium_models.speech.whisper import SpeechToText, SpeechToTextOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

TRANSCRIPTS = "transcripts.tsv"


@dataclass(frozen=True, slots=True)
class Recording:
    """One utterance: its audio file and the words that were spoken."""

    file: Path
    transcript: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a recogniser made of some recordings, and how long each took in seconds."""

    score: WordErrorRate
    hypotheses: tuple[str, ...]
    seconds: tuple[float, ...]


def recordings(folder: Path) -> list[Recording]:
    """Read the list of ``folder``; raises BadInput when it has none or a column is missing."""
    table = folder / TRANSCRIPTS
    if not table.is_file():
        raise BadInput(f"{folder} holds no {TRANSCRIPTS} (columns: file, transcript)")
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            return [Recording(folder / row["file"], row["transcript"]) for row in rows]
        except KeyError as error:
            raise BadInput(f"{table} has no column {error}") from error


def read_waveform(file: Path) -> Waveform:
    """Samples (T,) of a mono 16 kHz audio ``file``; raises BadInput for another kind."""
    try:
        import soundfile
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "reading audio files", "soundfile", 'Run: pip install "sensorium[audio]"'
        ) from error
    samples, rate = soundfile.read(file, dtype="float32")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise BadInput(f"{file} must be mono at {SAMPLE_RATE} Hz, is {rate} Hz {samples.shape}")
    return np.asarray(samples, np.float32)


def evaluate(model: SpeechToText, spoken: Sequence[Recording]) -> Evaluation:
    """Run a loaded ``model`` over recordings, one at a time, as an agent would."""
    hypotheses, seconds = [], []
    for recording in spoken:
        audio = read_waveform(recording.file)
        began = time.perf_counter()
        hypotheses.append(model.infer([{"audio": audio}])[0]["text"])
        seconds.append(time.perf_counter() - began)
    score = word_error_rate([recording.transcript for recording in spoken], hypotheses)
    return Evaluation(score, tuple(hypotheses), tuple(seconds))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="whisper-tiny.en", show_default=True, help="Store name or folder.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--beam", default=5, show_default=True, help="Beam size.")
@click.option("--errors", is_flag=True, help="List the utterances that were misread.")
def main(folder: Path, model: str, device: str, beam: int, errors: bool) -> None:
    """Measure the word error rate of MODEL on the recordings in FOLDER."""
    recogniser = SpeechToText(SpeechToTextOptions(model=model, beam_size=beam))
    recogniser.load(device)
    spoken = recordings(folder)
    result = evaluate(recogniser, spoken)
    if errors:
        for recording, heard in zip(spoken, result.hypotheses, strict=True):
            if word_error_rate([recording.transcript], [heard], draws=1).wer:
                click.echo(
                    f"{recording.file.name}\n  said  {recording.transcript}\n  heard {heard}"
                )
    milliseconds = np.array(result.seconds) * 1000
    click.echo(str(result.score))
    click.echo(
        f"{np.median(milliseconds):.0f} ms an utterance (median), "
        f"{np.percentile(milliseconds, 95):.0f} ms (95 %)"
    )


if __name__ == "__main__":
    main()

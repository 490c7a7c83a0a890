"""``sensorium evaluate avspeech``: word error rates in noise, with sound, lips, and both."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sensorium_agents.commands.systems import say, tell, training

TABLE, FILM = 200, 20
"""Commands by default: in each cell of the table, and in a film."""


@click.command("avspeech")
@click.option("--weights", default="", help="A file or folder.  [default: the bundled one]")
@click.option("--clips", "count", type=click.IntRange(5, 10_000),
              help="Commands in a cell, or in the film.  [default: 200, or 20]")  # fmt: skip
@click.option("--agent", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Settings of an agent, to play a film to.")  # fmt: skip
@click.option("--snr", default=0.0, show_default=True, type=click.FloatRange(-20, 40),
              help="Of the babble in the film, in dB.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    weights: str, count: int | None, agent: Path | None, snr: float, device: str, as_json: bool
) -> None:
    """Measure a recogniser on commands by voices and faces that were in no training.

    In quiet, and in babble and white noise from 10 to -7.5 dB: sound alone, sound and lips, lips
    alone, and, as controls, sound with lips shuffled in time, and half a second late. A cell is
    200 commands, 1,200 words.

    With --agent it measures a whole agent (examples/avspeech.toml, say) that looks at and listens
    to a film of faces talking in babble: with its camera, and without.
    """
    with training("audio-visual speech recognition", "language,vision,audio"):
        import torch

        torch.set_num_threads(1)
        if agent is not None:
            found = _agent(agent, count or FILM, snr, weights)
        else:
            from sensorium_models.audio_visual_speech.evaluation import measure

            found = measure(weights, count or TABLE, device=device, tell=tell)
    say(found, as_json, _table if agent is None else _compared)


def _table(found: Mapping[str, Any]) -> str:
    from sensorium_models.audio_visual_speech.evaluation import table

    return table(dict(found))


def _agent(agent: Path, count: int, snr: float, weights: str) -> dict[str, Any]:
    from sensorium_agents.listening import compare
    from sensorium_models.audio_visual_speech.films import write_film

    with tempfile.TemporaryDirectory() as folder:
        tell(f"filming {count} commands by voices and faces that were in no training")
        film = write_film(Path(folder), count, snr_db=snr)
        tell("playing it to the agent, with its camera and without")
        found = compare(agent, film, weights=weights)
    command = f"sensorium evaluate avspeech --agent {agent}"
    command += f" --weights {weights}" if weights else ""
    command += f" --clips {count}" if count != FILM else ""
    return {"command": command + (f" --snr {snr:g}" if snr else ""), "snr_db": snr, **found}


def _compared(found: Mapping[str, Any]) -> str:
    lines = [f"an agent in babble at {found['snr_db']:g} dB  [{found['command']}]"]
    for name in ("with camera", "without"):
        row = found[name]
        low, high = row["ci95"]
        lines.append(
            f"  {name:<12} word error rate {row['wer']:5.1%} ({low:.1%}-{high:.1%});"
            f" {row['utterances']} commands, {row['words']} words"
        )
    return "\n".join(lines)

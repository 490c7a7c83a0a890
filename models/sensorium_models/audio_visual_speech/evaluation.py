"""How well a recogniser does in noise, with sound, lips, both, and lips of another time.

As Auto-AVSR does (Ma et al., 2023): noise is mixed in at chosen signal-to-noise ratios. Voices,
faces and the crowd that babbles are of the test split: none was heard or seen in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sensorium_models.audio_visual_speech.corpus import POOR, Clip, clips, crowd
from sensorium_models.audio_visual_speech.espeak import Split
from sensorium_models.audio_visual_speech.learning import collate
from sensorium_models.audio_visual_speech.lips import RATE
from sensorium_models.audio_visual_speech.model import (
    AudioVisualSpeechModel,
    AVSpeechOptions,
    AVSpeechRequest,
)
from sensorium_models.metrics.wer import WordErrorRate, word_error_rate
from sensorium_sims.world.lips import Camera
from sensorium_sims.world.noise import mixed, white

F32 = NDArray[np.float32]
KINDS = ("babble", "white")
LEVELS = (10.0, 5.0, 0.0, -5.0, -7.5)
MODES = ("audio", "lips", "fused", "shuffled", "late")
COLUMNS = {"audio": "sound alone", "fused": "sound and lips", "shuffled": "lips shuffled",
           "late": "lips 0.5 s late"}  # fmt: skip
"""What is measured at each level of noise; the last two are controls."""
LATE_S = 0.5
GAIN, POINT = 4.4, 0.01
"""Targets: effective gain in dB at 0 dB; how much worse fused may be where it is quiet."""


@dataclass(frozen=True, slots=True)
class Tests:
    """Clips to measure with, and a crowd to babble."""

    clips: Sequence[Clip]
    crowd: Sequence[F32]

    @classmethod
    def of(cls, split: Split, count: int, camera: Camera = POOR) -> Tests:
        """The first ``count`` clips of a split, filmed by ``camera``."""
        return cls(clips(split, count, [camera]), crowd(split, 12, 8, seed=1))

    def sound(self, at: int, kind: str, level: float | None) -> F32:
        """The sound of one clip; with noise of a ``kind`` at ``level`` dB, if there is one."""
        wave = self.clips[at].samples
        if level is None:
            return wave
        rng = np.random.default_rng([at, KINDS.index(kind), round(level * 10) + 1000, 43])
        if kind == "white":
            return mixed(wave, white(len(wave), rng), level)
        track = self.crowd[int(rng.integers(len(self.crowd)))]
        start = int(rng.integers(len(track) - len(wave)))
        return mixed(wave, track[start : start + len(wave)], level)

    def request(self, at: int, mode: str, kind: str, level: float | None) -> AVSpeechRequest:
        """What the model is asked in one of MODES."""
        lips = self.clips[at].takes[0]
        if mode == "shuffled":
            lips = lips[np.random.default_rng([at, 47]).permutation(len(lips))]
        late = LATE_S if mode == "late" else 0.0
        return {
            "audio": None if mode == "lips" else self.sound(at, kind, level),
            "lips": None if mode == "audio" else lips,
            "times": [(number + 0.5) / RATE + late for number in range(len(lips))],
        }


def wer(
    model: AudioVisualSpeechModel, tests: Tests, mode: str, kind: str = "babble",
    level: float | None = None,
) -> WordErrorRate:  # fmt: skip
    """Word error rate of one cell of the table."""
    heard: list[str] = []
    for start in range(0, len(tests.clips), 50):
        part = range(start, min(start + 50, len(tests.clips)))
        answers = model.infer([tests.request(at, mode, kind, level) for at in part])
        heard += [answer["text"] for answer in answers]
    return word_error_rate([one.text for one in tests.clips], heard)


def measure(
    weights: str = "",
    count: int = 200,
    *,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """WER at every level of both noises and in quiet, in every mode; the gain; the targets."""
    model = AudioVisualSpeechModel(AVSpeechOptions(weights=weights))
    model.load(device)
    tell(f"making {count} clips of voices and faces that were in no training")
    tests = Tests.of("test", count)
    alone = wer(model, tests, "lips")
    cells: list[dict[str, Any]] = [_cell("any", None, "lips", alone)]
    for kind, level in [("quiet", None), *((k, v) for k in KINDS for v in LEVELS)]:
        tell(f"{kind}" + ("" if level is None else f" at {level:g} dB"))
        for mode in COLUMNS:
            cells.append(_cell(kind, level, mode, wer(model, tests, mode, kind, level)))
    found: dict[str, Any] = {
        "weights": weights or "bundled", "n": count, "cells": cells,
        "gain_db": {kind: gain(cells, kind) for kind in KINDS},
        "command": "sensorium evaluate avspeech"
        + (f" --weights {weights}" if weights else "")
        + (f" --clips {count}" if count != 200 else ""),
    }  # fmt: skip
    found["targets"] = targets(found)
    return found


def _cell(kind: str, level: float | None, mode: str, rate: WordErrorRate) -> dict[str, Any]:
    return {
        "noise": kind, "snr_db": level, "mode": mode, "wer": rate.wer, "ci95": list(rate.ci95),
        "words": rate.n_words, "utterances": rate.n_utterances,
    }  # fmt: skip


def pick(cells: Sequence[dict[str, Any]], kind: str, level: float | None, mode: str) -> float:
    """The WER of one cell."""
    for cell in cells:
        if (cell["noise"], cell["snr_db"], cell["mode"]) == (kind, level, mode):
            return float(cell["wer"])
    raise KeyError((kind, level, mode))


def gain(cells: Sequence[dict[str, Any]], kind: str) -> float:
    """Effective gain at 0 dB: how much less noise sound alone needs to do as well, in dB.

    Between the levels that were measured the WER of sound alone is taken to be linear; where even
    the least noise is not enough, that level is the answer: the gain is then at least so much.
    """
    wanted = pick(cells, kind, 0.0, "fused")
    levels = sorted(level for level in LEVELS if level >= 0)
    rates = [pick(cells, kind, level, "audio") for level in levels]
    if wanted >= rates[0]:
        return 0.0
    for low, high, one, other in zip(levels, levels[1:], rates, rates[1:], strict=False):
        if other <= wanted:
            return float(low + (high - low) * (one - wanted) / (one - other))
    return levels[-1]


def targets(found: dict[str, Any]) -> dict[str, bool]:
    """Whether each target of the task is met."""
    cells = found["cells"]
    alone = pick(cells, "any", None, "lips")
    noisy = [("quiet", None), *((k, v) for k in KINDS for v in LEVELS)]
    beats = all(
        pick(cells, *at, "fused") < min(alone, pick(cells, *at, "audio"))
        for at in noisy if at[1] is not None
    )  # fmt: skip
    quiet = pick(cells, "quiet", None, "fused") - pick(cells, "quiet", None, "audio")
    babble = pick(cells, "babble", 0.0, "fused") / max(1e-9, pick(cells, "babble", 0.0, "audio"))
    return {
        "lips alone at 40 to 60 %": 0.4 <= alone <= 0.6,
        "fused beats sound and lips at every noise level": beats,
        "in quiet at most 1 point worse than sound": quiet <= POINT,
        "at 0 dB babble at most half of sound": babble <= 0.5,
        "gain of 4.4 dB or more at 0 dB babble": found["gain_db"]["babble"] >= GAIN,
    }


def table(found: dict[str, Any]) -> str:
    """For a person."""
    cells = found["cells"]
    (alone,) = (cell for cell in cells if cell["mode"] == "lips")
    lines = [
        f"audio-visual speech ({found['weights']})  [{found['command']}]",
        f"  word error rate; {alone['utterances']} commands, {alone['words']} words; 95 %"
        " intervals by bootstrap over commands",
        f"  lips alone {_shown(alone)}",
        f"  {'noise':<16}" + "".join(f"{name:<22}" for name in COLUMNS.values()).rstrip(),
    ]
    rows = dict.fromkeys((cell["noise"], cell["snr_db"]) for cell in cells if cell is not alone)
    for kind, level in rows:
        name = kind if level is None else f"{kind} {level:g} dB"
        by = {c["mode"]: c for c in cells if (c["noise"], c["snr_db"]) == (kind, level)}
        shown = "".join(f"{_shown(by[mode]):<22}" for mode in COLUMNS)
        lines.append(f"  {name:<16}{shown}".rstrip())
    told = ", ".join(f"{kind} {value:.1f} dB" for kind, value in found["gain_db"].items())
    lines.append(f"  effective gain of lips at 0 dB: {told} (10.0 means 10 or more)")
    lines += [
        f"  {'met   ' if met else 'MISSED'}  {name}" for name, met in found["targets"].items()
    ]
    return "\n".join(lines)


def _shown(cell: dict[str, Any]) -> str:
    low, high = cell["ci95"]
    return f"{cell['wer']:5.1%} ({low:.1%}-{high:.1%})"


def validation(tests: Tests) -> dict[str, tuple[dict[str, Tensor], list[str]]]:
    """Batches of five conditions, and what is said in them: what training watches."""
    said = [one.text for one in tests.clips]
    asked = {
        "a_clean": ("audio", None), "av_clean": ("fused", None), "lips": ("lips", None),
        "a_0": ("audio", 0.0), "av_0": ("fused", 0.0),
    }  # fmt: skip
    made = {}
    for name, (mode, level) in asked.items():
        rows = []
        for at, one in enumerate(tests.clips):
            lips = one.takes[0]
            rows.append({
                "wave": tests.sound(at, "babble", level), "heard": mode != "lips",
                "lips": lips.astype(np.float32) / 255, "seen": np.full(len(lips), mode != "audio"),
            })  # fmt: skip
        made[name] = (collate(rows), said)
    return made

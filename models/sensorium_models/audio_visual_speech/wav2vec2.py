"""A published wav2vec 2.0 with CTC (``Wav2Vec2ForCTC``) in place of ours: it hears only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelUnavailable
from sensorium_models.audio_visual_speech.checkpoint import NAME
from sensorium_models.speech.waveform import SAMPLE_RATE

MAKER = "Wav2Vec2ForCTC"


class Wav2Vec2:
    """A folder with ``config.json``, ``model.safetensors`` and the tokenizer's ``vocab.json``."""

    def __init__(self, folder: Path, device: str) -> None:
        try:
            from transformers import (
                Wav2Vec2CTCTokenizer,
                Wav2Vec2FeatureExtractor,
                Wav2Vec2ForCTC,
            )
        except ImportError as error:
            raise MissingDependency(
                "wav2vec 2.0", error.name or "transformers",
                'Run: pip install "sensorium[language]"',
            ) from error  # fmt: skip
        _check_class(folder)
        made: Any = Wav2Vec2ForCTC
        extractor: Any = Wav2Vec2FeatureExtractor
        where: dict[str, Any] = {"local_files_only": True}
        try:
            model, told = made.from_pretrained(
                folder, dtype="float32", output_loading_info=True, **where
            )
            self._tokens: Any = Wav2Vec2CTCTokenizer.from_pretrained(folder, **where)
            has = (folder / "preprocessor_config.json").is_file()
            self._features: Any = (
                Wav2Vec2FeatureExtractor.from_pretrained(folder, **where)
                if has else extractor()
            )  # fmt: skip
        except Exception as error:  # what it raises differs with what is wrong with a file
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelUnavailable(NAME, f"cannot load {str(folder)!r}: {reason[0]}") from error
        if told["missing_keys"]:
            named = ", ".join(sorted(told["missing_keys"])[:3])
            raise ModelUnavailable(NAME, f"{str(folder)!r} lacks weights of {MAKER}: {named}")
        rate = self._features.sampling_rate
        if rate != SAMPLE_RATE:
            raise ModelUnavailable(NAME, f"{str(folder)!r} listens at {rate} Hz, not {SAMPLE_RATE}")
        self._model, self._device = model.eval().requires_grad_(False).to(device), device
        self._least = 1
        for kernel, stride in zip(
            reversed(model.config.conv_kernel), reversed(model.config.conv_stride), strict=True
        ):
            self._least = (self._least - 1) * stride + kernel

    def read(self, wave: NDArray[np.float32]) -> tuple[str, float]:
        """The text, and the mean chance of its letters. BadInput for less than one frame."""
        if len(wave) < self._least:
            raise BadInput(f"{len(wave)} samples: this wav2vec 2.0 needs {self._least} or more")
        import torch

        made = self._features(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(made["input_values"].to(self._device)).logits[0].float().cpu()
        chances, best = logits.softmax(-1).max(-1)
        spoken = best != self._tokens.pad_token_id  # CTC's blank
        sure = float(chances[spoken].mean()) if bool(spoken.any()) else 0.0
        return self._tokens.decode(best.tolist()).strip(), sure


def _check_class(folder: Path) -> None:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelUnavailable(NAME, f"{str(folder)!r} has no config.json")
    told = json.loads(config.read_text(encoding="utf-8"))
    kind = told.get("model_type", "no model_type")
    makers = told.get("architectures") or [MAKER]
    if kind != "wav2vec2" or MAKER not in makers:
        raise ModelUnavailable(
            NAME,
            f"{str(folder)!r} holds {', '.join(makers)} (model_type {kind!r}), not a {MAKER}: give"
            " a checkpoint with its CTC layer, such as facebook/wav2vec2-base-960h",
        )

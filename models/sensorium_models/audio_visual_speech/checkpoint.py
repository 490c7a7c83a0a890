"""The recogniser's file: one safetensors file, weights as float16, sizes and words beside them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from sensorium.errors import ModelUnavailable
from sensorium_models.audio_visual_speech.network import AudioVisualSpeech, Sizes
from sensorium_models.training.tree import save_weights

NAME = "audio_visual_speech"
FORMAT = "sensorium.avspeech/1"
FILE = "avspeech-world.safetensors"


def bundled() -> Path:
    """The file that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / FILE


def save(path: Path, network: AudioVisualSpeech, words: tuple[str, ...]) -> None:
    """Write it. float16 keeps 11 bits of a weight; what is measured is what this file gives."""
    half = {name: value.half() for name, value in network.state_dict().items()}
    about = {"sizes": network.sizes.as_dict(), "words": words}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, half, {"format": FORMAT, "avspeech": json.dumps(about)})


def load(path: Path) -> tuple[AudioVisualSpeech, tuple[str, ...]]:
    """The network in eval mode as float32, and its words. Raises ModelUnavailable."""
    if not path.is_file():
        raise ModelUnavailable(NAME, f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ModelUnavailable(
                NAME, f"{path} holds no audio-visual recogniser: give a file of"
                " `sensorium train avspeech`, or the folder of a Wav2Vec2ForCTC",
            )  # fmt: skip
        told = json.loads(about["avspeech"])
        network = AudioVisualSpeech(Sizes(**told["sizes"]))
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(NAME, f"{path} cannot be read: {reason}") from error
    return network.eval().requires_grad_(False), tuple(told["words"])

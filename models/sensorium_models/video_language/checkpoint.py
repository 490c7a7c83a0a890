"""A video-language model on disk: one safetensors file in half precision."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from sensorium.errors import ModelUnavailable
from sensorium_models.training.tree import save_weights
from sensorium_models.video_language.eye import Eye
from sensorium_models.video_language.model import NAME
from sensorium_models.video_language.network import VideoLanguage

BUNDLED = "video-world"
FORMAT = "sensorium-video-language-1"


def save(path: Path, network: VideoLanguage) -> None:
    """Write the network, its eye included, as float16."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_weights(path, half, {"format": FORMAT})


def load(path: Path) -> VideoLanguage:
    """Read it back in float32. Raises ModelUnavailable for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ModelUnavailable(
                NAME, f"{path} holds no video-language model of `sensorium train video`"
            )
        network = VideoLanguage(Eye())
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(NAME, f"{path} is no video-language model: {reason}") from error
    return network.float().eval().requires_grad_(False)

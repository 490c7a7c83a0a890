"""A multimodal model on disk: ours, and published ones of transformers.

Ours is laid out as LLaVA's (``transformers.LlavaForConditionalGeneration``): ``config.json``, and
``model.safetensors`` with ``model.vision_tower`` and ``model.multi_modal_projector``.
It differs in three things: the language model is not in the file but named (``language_model``: a
name of the model store, and its file), the projector is a connector that reads the question, and
the eye is no CLIP. So transformers does not load it by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from sensorium.errors import ModelUnavailable
from sensorium_models.multimodal.connector import (
    DIM,
    HEADS,
    LAYERS,
    LONGEST,
    PICTURES,
    SEEN,
    SLOTS,
    TOKENS,
    Connector,
)
from sensorium_models.pretrained import first_line, no_progress_bars
from sensorium_models.training.tree import save_weights
from sensorium_models.video_language.eye import SIDE, Eye

NAME = "multimodal"
BUNDLED = "multimodal-world"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
KIND = "sensorium-multimodal"
LANGUAGE, FILE = "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHAPE = {
    "tokens": TOKENS, "slots": SLOTS, "pictures": PICTURES, "hidden_size": DIM, "layers": LAYERS,
    "heads": HEADS, "longest": LONGEST, "region_size": SEEN,
}  # fmt: skip


class Bridge(nn.Module):
    """What our checkpoint holds, by LLaVA's names."""

    def __init__(self, eye: Eye, connector: Connector) -> None:
        super().__init__()
        self.vision_tower = eye
        self.multi_modal_projector = connector


@dataclass(frozen=True)
class Ours:
    """A loaded checkpoint of `sensorium train multimodal`: the language model is yet to come."""

    bridge: Bridge
    language: str
    file: str


@dataclass(frozen=True)
class Published:
    """A loaded image-text-to-text model of transformers and its processor."""

    model: Any
    processor: Any


def bundled() -> Path:
    """The folder that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / BUNDLED


def save(folder: Path, bridge: Bridge, language: str, file: str) -> None:
    """Write the eye and the connector as float16, and which language model they belong to."""
    folder.mkdir(parents=True, exist_ok=True)
    connector = bridge.multi_modal_projector
    config = {
        "model_type": KIND,
        "architectures": ["SensoriumMultimodal"],
        "image_seq_length": TOKENS,
        "language_model": {"name": language, "file": file},
        "text_config": {"hidden_size": connector.width, "embedding_length": connector.size},
        "vision_config": {"image_size": SIDE},
        "projector_config": SHAPE,
        "dtype": "float16",
    }
    half = {
        f"model.{name}": value.half() if value.is_floating_point() else value
        for name, value in bridge.state_dict().items()
    }
    save_weights(folder / WEIGHTS, half, {"format": "pt"})
    text = json.dumps(config, indent=2) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")


def load(weights: str = "", *, local_only: bool = True, dtype: str = "auto") -> Ours | Published:
    """Load a folder or a hub id (the bundled one if empty) on the CPU.

    Raises ModelUnavailable for what is not there, is of another class, lacks weights or its
    processor, or cannot be read.
    """
    path = Path(weights).expanduser() if weights else bundled()
    if weights.startswith(("/", ".", "~")) and not path.is_dir():
        raise ModelUnavailable(NAME, f"there is no folder {path}")
    source = str(path) if weights == "" or path.exists() else weights
    where: dict[str, Any] = {"local_files_only": local_only}
    config = _config(source, where)
    if config.get("model_type") == KIND:
        return _ours(Path(source), config)
    return _published(source, config, where, dtype)


def _config(source: str, where: dict[str, Any]) -> dict[str, Any]:
    from transformers.utils.hub import cached_file

    try:
        with no_progress_bars():
            found: Any = cached_file(source, CONFIG, **where)
        read: dict[str, Any] = json.loads(Path(found).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailable(
            NAME, f"cannot read {CONFIG} of {source!r}: {first_line(error)}"
        ) from error
    return read


def _ours(folder: Path, config: dict[str, Any]) -> Ours:
    try:
        if config["projector_config"] != SHAPE:
            raise ModelUnavailable(
                NAME, f"{folder} has a connector of {config['projector_config']}, not of {SHAPE}"
            )
        text, language = config["text_config"], config["language_model"]
        connector = Connector(int(text["hidden_size"]), float(text["embedding_length"]))
        bridge = Bridge(Eye(), connector)
        kept = load_file(folder / WEIGHTS)
        bridge.load_state_dict({name.removeprefix("model."): kept[name] for name in kept})
        named = Ours(bridge, str(language["name"]), str(language["file"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelUnavailable(NAME, f"cannot load {folder}: {first_line(error)}") from error
    bridge.float().eval().requires_grad_(False)
    return named


def _published(source: str, config: dict[str, Any], where: dict[str, Any], dtype: str) -> Published:
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as FITTING,
    )

    kind = config.get("model_type", "no model_type")
    if kind not in FITTING:
        makers = ", ".join(config.get("architectures") or ["a model of no named class"])
        raise ModelUnavailable(
            NAME,
            f"{source!r} holds {makers} (model_type {kind!r}), which takes no pictures with text:"
            " give a checkpoint such as llava-hf/llava-1.5-7b-hf or"
            " HuggingFaceTB/SmolVLM-256M-Instruct",
        )
    made: Any = AutoModelForImageTextToText
    with no_progress_bars():
        try:
            model, told = made.from_pretrained(
                source, dtype=dtype, output_loading_info=True, **where
            )
        except Exception as error:  # what it raises differs with what is wrong with a file
            raise ModelUnavailable(NAME, f"cannot load {source!r}: {first_line(error)}") from error
        missing = sorted(told["missing_keys"])
        if missing or told.get("mismatched_keys"):
            named = ", ".join(missing[:3]) or "sizes that its config does not say"
            raise ModelUnavailable(NAME, f"{source!r} lacks weights of {FITTING[kind]}: {named}")
        try:
            reader: Any = AutoProcessor
            processor = reader.from_pretrained(source, **where)
        except Exception as error:
            raise ModelUnavailable(
                NAME, f"{source!r} has no processor that can be read: {first_line(error)}"
            ) from error
    if not hasattr(processor, "image_processor") or not getattr(processor, "chat_template", None):
        raise ModelUnavailable(
            NAME,
            f"{source!r} has no processor for pictures with a chat template: its folder needs"
            " preprocessor_config.json (or processor_config.json) and chat_template.jinja",
        )
    return Published(model.eval().requires_grad_(False), processor)

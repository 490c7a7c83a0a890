"""A CLIP on disk: the format of ``transformers.CLIPModel``, ours and published ones alike.

A folder holds ``config.json``, ``model.safetensors``, the tokenizer's files and
``preprocessor_config.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sensorium.errors import MissingDependency, ModelUnavailable
from sensorium_models.pretrained import first_line, no_progress_bars

NAME = "clip"
BUNDLED = "clip-world"
MAKER = "CLIPModel"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded CLIP: ``model`` in eval mode, its ``tokenizer``, and its ``pictures`` processor."""

    model: Any
    tokenizer: Any
    pictures: Any
    source: str


def bundled() -> Path:
    """The folder of the CLIP that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / BUNDLED


def load(weights: str = "", *, local_only: bool = True) -> Checkpoint:
    """Load a folder or a hub id (the bundled one if empty) in float32, on the CPU.

    Raises MissingDependency, and ModelUnavailable for what is not there, is of another class than
    ``CLIPModel``, lacks weights or cannot be read.
    """
    try:
        from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel
    except ImportError as error:
        remedy = 'Run: pip install "sensorium[language,vision]"'
        raise MissingDependency("CLIP", error.name or "transformers", remedy) from error
    path = Path(weights).expanduser() if weights else bundled()
    source = str(path) if weights == "" or path.exists() else weights
    where: dict[str, Any] = {"local_files_only": local_only}
    with no_progress_bars():
        try:
            _check_class(source, where)
            made: Any = CLIPModel
            model, told = made.from_pretrained(
                source, dtype="float32", output_loading_info=True, **where
            )
            tokenizer = AutoTokenizer.from_pretrained(source, **where)
            pictures = CLIPImageProcessorPil.from_pretrained(source, **where)
        except ModelUnavailable:
            raise
        except Exception as error:  # what it raises differs with what is wrong with a file
            raise ModelUnavailable(NAME, f"cannot load {source!r}: {first_line(error)}") from error
    missing = sorted(told["missing_keys"])
    if missing or told.get("mismatched_keys"):
        named = ", ".join(missing[:3]) or "sizes that its config does not say"
        raise ModelUnavailable(NAME, f"{source!r} lacks weights of {MAKER}: {named}")
    return Checkpoint(model.eval().requires_grad_(False), tokenizer, pictures, source)


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write a small CLIP of ours in half precision, as :func:`load` and transformers read it.

    float16 keeps 11 bits of each weight; what is measured is what this folder gives.
    """
    from transformers import CLIPImageProcessorPil

    from sensorium_models.clip.network import DEVIATION, MEAN, SIDE

    folder.mkdir(parents=True, exist_ok=True)
    half = type(model)(model.config)
    half.load_state_dict(model.state_dict())
    half.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE},
        image_mean=[MEAN] * 3, image_std=[DEVIATION] * 3,
    ).save_pretrained(folder)  # fmt: skip


def _check_class(source: str, where: dict[str, Any]) -> None:
    from transformers.utils.hub import cached_file

    found: Any = cached_file(source, "config.json", **where)
    if found is None:
        raise ModelUnavailable(NAME, f"{source!r} has no config.json")
    config = json.loads(Path(found).read_text(encoding="utf-8"))
    kind = config.get("model_type", "no model_type")
    makers = config.get("architectures") or [MAKER]
    if kind != "clip" or MAKER not in makers:
        raise ModelUnavailable(
            NAME,
            f"{source!r} holds {', '.join(makers)} (model_type {kind!r}), not a {MAKER}: give a"
            " checkpoint with both towers, such as openai/clip-vit-base-patch32",
        )

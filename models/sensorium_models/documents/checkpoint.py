"""A network for documents on disk: the format of ``LayoutLMv3ForTokenClassification``.

Ours and published ones alike: a folder holds ``config.json``, ``model.safetensors``, the
tokenizer's files and, for one that looks at the picture, ``preprocessor_config.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sensorium.errors import MissingDependency, ModelUnavailable
from sensorium_models.pretrained import first_line, no_progress_bars

NAME = "documents"
BUNDLED = "documents-world"
MAKER = "LayoutLMv3ForTokenClassification"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded network in eval mode, its tokenizer, and how it wants pictures (if it looks)."""

    network: Any
    tokenizer: Any
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    source: str


def bundled() -> Path:
    """The folder of the network that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / BUNDLED


def load(weights: str = "", *, local_only: bool = True) -> Checkpoint:
    """Load a folder or a hub id (the bundled one if empty) in float32, on the CPU.

    Raises MissingDependency, and ModelUnavailable for what is not there, is of another class than
    ``LayoutLMv3ForTokenClassification``, lacks weights or cannot be read.
    """
    try:
        from transformers import AutoTokenizer, LayoutLMv3ForTokenClassification
    except ImportError as error:
        remedy = 'Run: pip install "sensorium[language,vision]"'
        raise MissingDependency("documents", error.name or "transformers", remedy) from error
    path = Path(weights).expanduser() if weights else bundled()
    source = str(path) if weights == "" or path.exists() else weights
    where: dict[str, Any] = {"local_files_only": local_only}
    with no_progress_bars():
        try:
            _check_class(source, where)
            made: Any = LayoutLMv3ForTokenClassification
            network, told = made.from_pretrained(
                source, dtype="float32", output_loading_info=True, **where
            )
            tokenizer = AutoTokenizer.from_pretrained(source, **where)
            mean, deviation = _pictures(source, where)
        except ModelUnavailable:
            raise
        except Exception as error:  # what it raises differs with what is wrong with a file
            raise ModelUnavailable(NAME, f"cannot load {source!r}: {first_line(error)}") from error
    missing = sorted(told["missing_keys"])
    if missing or told.get("mismatched_keys"):
        named = ", ".join(missing[:3]) or "sizes that its config does not say"
        raise ModelUnavailable(NAME, f"{source!r} lacks weights of {MAKER}: {named}")
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise ModelUnavailable(NAME, f"{source!r} has no tokenizer.json: save its fast tokenizer")
    return Checkpoint(
        network.eval().requires_grad_(False), tokenizer, mean, deviation, source
    )  # fmt: skip


def save(folder: Path, network: Any, tokenizer: Any) -> None:
    """Write a small network of ours in half precision, as :func:`load` and transformers read it.

    float16 keeps 11 bits of each weight; what is measured is what this folder gives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = type(network)(network.config)
    half.load_state_dict(network.state_dict())
    half.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _check_class(source: str, where: dict[str, Any]) -> None:
    config = _json(source, "config.json", where)
    if config is None:
        raise ModelUnavailable(NAME, f"{source!r} has no config.json")
    kind = config.get("model_type", "no model_type")
    makers = config.get("architectures") or ["no class"]
    if kind != "layoutlmv3" or MAKER not in makers:
        raise ModelUnavailable(
            NAME,
            f"{source!r} holds {', '.join(makers)} (model_type {kind!r}), not a {MAKER}: give one"
            " that was tuned to label words, such as a LayoutLMv3 tuned on FUNSD or CORD",
        )


def _pictures(source: str, where: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of its pictures; those of the published LayoutLMv3 if it does not say."""
    told = _json(source, "preprocessor_config.json", where) or {}
    half = (0.5, 0.5, 0.5)
    return tuple(told.get("image_mean") or half), tuple(told.get("image_std") or half)


def _json(source: str, name: str, where: dict[str, Any]) -> dict[str, Any] | None:
    from transformers.utils.hub import cached_file

    found: Any = cached_file(
        source, name, _raise_exceptions_for_missing_entries=name == "config.json", **where
    )
    if found is None:
        return None
    value: dict[str, Any] = json.loads(Path(found).read_text(encoding="utf-8"))
    return value

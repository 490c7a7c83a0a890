"""A text-to-image pipeline on disk: the format of ``diffusers``, ours and published ones alike.

A folder holds ``model_index.json`` and a folder for each part: ``unet``, ``vae``, ``text_encoder``,
``tokenizer``, ``scheduler``. A ControlNet is a folder of its own, with a ``config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sensorium.errors import BadInput, MissingDependency, ModelUnavailable
from sensorium_models.pretrained import first_line, no_progress_bars
from sensorium_models.store.files import sha256_of

NAME = "text_to_image"
BUNDLED = "diffusion-world"
BUNDLED_CONTROL = "controlnet-world"
MAKER, CONTROL_MAKER = "StableDiffusionPipeline", "ControlNetModel"
REMEDY = 'Run: pip install "sensorium[generation,language]"'


def bundled(name: str = BUNDLED) -> Path:
    """The folder of a checkpoint that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / name


def base_sha256(base: str = "") -> str:
    """Of the UNet of a base in a folder (the bundled one if empty)."""
    folder = Path(base).expanduser() if base else bundled(BUNDLED)
    files = sorted((folder / "unet").glob("*.safetensors"))
    if not files:
        raise BadInput(f"{folder} has no unet/*.safetensors: give the base as a folder")
    return sha256_of(files[0])


def control_name(kind: str) -> str:
    """The name of the bundled ControlNet of a kind."""
    return BUNDLED_CONTROL if kind == "canny" else f"{BUNDLED_CONTROL}-{kind}"


def load(weights: str = "", *, local_only: bool = True) -> Any:
    """Load a folder or a hub id (the bundled one if empty) as a ``StableDiffusionPipeline``.

    In float32, on the CPU, in eval mode. Raises MissingDependency, and ModelUnavailable for what is
    not there, is of another class, lacks weights or cannot be read.
    """
    maker: Any = _imported(MAKER)
    source = _source(weights, BUNDLED)
    with _reading(source), _quiet():
        _check_pipeline(source, local_only)
        pipeline = maker.from_pretrained(
            source, dtype=_float32(), local_files_only=local_only, safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        for name in ("unet", "vae", "text_encoder"):
            part = getattr(pipeline, name)
            _check_whole(Path(source) / name, part, source)
            part.eval().requires_grad_(False)
    return pipeline


def load_control(weights: str, unet: Any, *, local_only: bool = True) -> Any:
    """Load a ``ControlNetModel`` (the bundled one if empty) for a pipeline's ``unet``.

    Raises as :func:`load`, and ModelUnavailable for one that was made for another UNet.
    """
    maker: Any = _imported(CONTROL_MAKER)
    source = _source(weights, BUNDLED_CONTROL)
    with _reading(source), _quiet():
        config = _config(source, "config.json", local_only)
        kind = config.get("_class_name", "no _class_name")
        if kind != CONTROL_MAKER:
            raise ModelUnavailable(
                NAME, f"{source!r} holds a {kind}, not a {CONTROL_MAKER}: give a ControlNet"
            )
        network: Any = maker.from_pretrained(source, dtype=_float32(), local_files_only=local_only)
        _check_whole(Path(source), network, source)
    for name in ("block_out_channels", "cross_attention_dim", "in_channels"):
        ours, theirs = _plain(network.config[name]), _plain(unet.config[name])
        if ours != theirs:
            raise ModelUnavailable(
                NAME,
                f"the ControlNet {source!r} was made for another UNet: its {name} is {ours}, the"
                f" UNet's {theirs}. Give a ControlNet of the same base model",
            )
    return network.eval().requires_grad_(False)


def check_begun(work: Path, now: dict[str, Any]) -> None:
    """Note what a run in the folder ``work`` begins with; BadInput where it began otherwise."""
    path = work / "begun.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [f"{k} {before.get(k)!r} -> {now[k]!r}" for k in now if before.get(k) != now[k]]
        if other:
            raise BadInput(
                f"{work} holds a run begun otherwise ({', '.join(other)}): give what it began with"
                " to go on, or another folder to begin anew"
            )
        return
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now), encoding="utf-8")


def save(folder: Path, parts: Mapping[str, Any], scheduler: Any) -> None:
    """Write a pipeline of ``unet``, ``vae``, ``text_encoder`` and ``tokenizer`` in half precision.

    float16 keeps 11 bits of each weight; what is measured is what this folder gives.
    """
    import copy

    maker: Any = _imported(MAKER)
    halves = {
        name: part if name == "tokenizer" else copy.deepcopy(part).half()
        for name, part in parts.items()
    }
    with _quiet():
        maker(
            **halves, scheduler=scheduler, safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder)  # fmt: skip


def save_control(folder: Path, network: Any) -> None:
    """Write a ControlNet in half precision."""
    import copy

    copy.deepcopy(network).half().save_pretrained(folder)


def _imported(name: str) -> Any:
    """A class of diffusers, without what its first import says of libraries nobody needs."""
    try:
        import transformers

        logging: Any = transformers.utils.logging
        level = logging.get_verbosity()
        logging.set_verbosity_error()
        try:
            import diffusers

            return getattr(diffusers, name)
        finally:
            logging.set_verbosity(level)
    except ImportError as error:
        raise MissingDependency("drawing", error.name or "diffusers", REMEDY) from error


def _source(weights: str, name: str) -> str:
    if not weights:
        if not bundled(name).is_dir():
            raise ModelUnavailable(
                NAME,
                f"no {name} comes with this installation: give a checkpoint's folder (weights, or"
                " --weights), such as the one that `sensorium train diffusion` makes",
            )
        return str(bundled(name))
    path = Path(weights).expanduser()
    return str(path) if path.exists() else weights


def _float32() -> Any:
    import torch

    return torch.float32


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _check_pipeline(source: str, local_only: bool) -> None:
    index = _config(source, "model_index.json", local_only)
    kind = index.get("_class_name", "no _class_name")
    if kind != MAKER:
        raise ModelUnavailable(
            NAME,
            f"{source!r} holds a {kind}, not a {MAKER}: give a checkpoint of Stable Diffusion 1.x"
            " or 2.x, such as stable-diffusion-v1-5/stable-diffusion-v1-5",
        )


def _config(source: str, name: str, local_only: bool) -> dict[str, Any]:
    folder = Path(source)
    if folder.is_dir():
        path = folder / name
        if not path.exists():
            other = folder / "config.json"
            held = ""
            if other.exists():
                told = json.loads(other.read_text(encoding="utf-8"))
                made = told.get("_class_name") or ", ".join(told.get("architectures") or [])
                held = f"; it holds a {made}" if made else ""
            raise ModelUnavailable(NAME, f"{source!r} has no {name}{held}")
    else:
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(source, name, local_files_only=local_only))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _check_whole(folder: Path, part: Any, source: str) -> None:
    """Every weight is in the one file of a local part: diffusers would make up what is missing."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors"))[:1] if folder.is_dir() else []:
        if list(folder.glob("*.index.json")):
            return
        with safe_open(path, "pt") as opened:
            held = {key.removeprefix("text_model.") for key in opened.keys()}  # noqa: SIM118
        wanted = {name.removeprefix("text_model.") for name, _ in part.named_parameters()}
        missing = sorted(wanted - held)
        if missing:
            raise ModelUnavailable(
                NAME, f"{source!r}: {path.name} lacks weights of {folder.name}: {missing[0]}"
            )


@contextmanager
def _reading(source: str) -> Iterator[None]:
    try:
        yield
    except (ModelUnavailable, MissingDependency):
        raise
    except Exception as error:  # what they raise differs with what is wrong with a file
        raise ModelUnavailable(NAME, f"cannot load {source!r}: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no advice on a console that may belong to a service."""
    import diffusers

    told: Any = diffusers.utils.logging
    level = told.get_verbosity()
    told.disable_progress_bar()
    told.set_verbosity_error()
    try:
        with no_progress_bars():
            yield
    finally:
        told.set_verbosity(level)
        told.enable_progress_bar()

"""``sensorium generate``: a picture from a prompt, led by a control, or a part drawn anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sensorium.errors import BadInput, OutputFailed
from sensorium_agents.commands.systems import tell, training


@click.command("generate")
@click.argument("prompt")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same bytes.")
@click.option("--steps", type=click.IntRange(1, 1000), help="[default: 25]")
@click.option("--guidance", type=click.FloatRange(0, 50), help="[default: 3]")
@click.option("--sampler", default="ddim", show_default=True,
              type=click.Choice(["ddim", "ddpm", "dpm++"]))  # fmt: skip
@click.option("--weights", default="", help="A pipeline's folder or hub id.  [default: bundled]")
@click.option("--control", type=click.Path(path_type=Path), help="A picture to be led by.")
@click.option("--kind", type=click.Choice(["canny", "depth", "pose"]), help="[default: canny]")
@click.option("--strength", type=click.FloatRange(0, 10), help="Of the control.  [default: 1]")
@click.option("--controlnet", default="", help="A ControlNet's folder or hub id.")
@click.option("--inpaint", type=click.Path(path_type=Path), help="A picture to change a part of.")
@click.option("--mask", help='The part: a phrase ("the ball") or a picture, white where new.')
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A PNG file.")
@click.option("--fetch", is_flag=True, help="Let hub ids be fetched.")
@click.option("--device", default="cpu", show_default=True)
def generate(prompt: str, out: Path, **given: Any) -> None:
    """Draw what PROMPT says into a PNG file.

    The bundled model knows the shapes, colours and places of the synthetic world. Another one takes
    its place by --weights.
    """
    _check(given, out)
    with training("drawing", "generation,language,vision"):
        from sensorium_models.diffusion.files import read_picture, write_picture
        from sensorium_models.diffusion.model import TextToImage, TextToImageOptions

        model = TextToImage(
            TextToImageOptions(
                weights=given["weights"],
                controlnet=_controlnet(given),
                local_only=not given["fetch"],
            )
        )
        request: Any = {"prompt": prompt, "seed": given["seed"], "sampler": given["sampler"]}
        request |= {k: given[k] for k in ("steps", "guidance") if given[k] is not None}
        if given["control"] is not None:
            request["control"] = _control(given)
            request["strength"] = 1.0 if given["strength"] is None else given["strength"]
        if given["inpaint"] is not None:
            request["image"] = read_picture(given["inpaint"])
            request["mask"] = _mask(given["mask"], request["image"])
        model.load(given["device"])
        result: Any = None
        for part in model.stream(request):
            if "step" in part:
                if part["step"] % 5 == 0 or part["step"] == part["of"]:
                    tell(f"step {part['step']} of {part['of']}")
            else:
                result = part
        write_picture(out, result["image"])
    height, width = result["image"].shape[:2]
    if result["prompt"] != prompt.strip():
        tell(f"drawn as: {result['prompt']}")
    click.echo(f"{out} ({width}x{height})")


def _check(given: dict[str, Any], out: Path) -> None:
    if out.suffix.lower() != ".png":
        raise BadInput(f"{out}: pictures are written as PNG, so that no bit is lost; name a .png")
    if not out.resolve().parent.is_dir():
        raise OutputFailed(f"cannot write {out}: there is no folder {out.resolve().parent}")
    for name in ("kind", "strength", "controlnet"):
        if given["control"] is None and given[name]:
            raise BadInput(f"--{name} goes with --control FILE")
    if (given["inpaint"] is None) != (given["mask"] is None):
        raise BadInput("--inpaint FILE and --mask (a phrase or a picture) go together")


def _controlnet(given: dict[str, Any]) -> str:
    """The ControlNet that is named, or the bundled one of the kind, which fits the bundled base."""
    if given["control"] is None or given["controlnet"]:
        return str(given["controlnet"])
    kind = given["kind"] or "canny"
    if kind == "pose":
        raise BadInput(
            "no ControlNet for poses comes with Sensorium, for its world has no bodies: name one"
            " with --controlnet, and the base it was made for with --weights"
        )
    if given["weights"]:
        raise BadInput(
            "the bundled ControlNet fits the bundled base alone: name one that was made for"
            f" {given['weights']} with --controlnet"
        )
    from sensorium_models.diffusion.checkpoint import bundled, control_name

    found = bundled(control_name(kind))
    if not found.is_dir():
        raise BadInput(
            f"no ControlNet for {kind} comes with this installation: make one with `sensorium train"
            f" controlnet --kind {kind}` and name its folder with --controlnet"
        )
    return str(found)


def _control(given: dict[str, Any]) -> Any:
    from sensorium_models.diffusion.control import extract, pose_from_file
    from sensorium_models.diffusion.files import read_picture

    path, kind = given["control"], given["kind"] or "canny"
    if kind == "pose":
        return pose_from_file(path, 512, 512) if path.suffix == ".json" else read_picture(path)
    return extract(read_picture(path), kind)


def _mask(said: str, image: Any) -> Any:
    import numpy as np

    from sensorium_models.diffusion.files import read_mask
    from sensorium_models.diffusion.masks import PhraseMasks, patches_of, room_for

    if Path(said).suffix:
        return read_mask(Path(said), image.shape[:2])
    found = PhraseMasks().find(image, said)
    tell(f"{said}: {found.name}")
    others = [mask for mask in patches_of(image) if not (mask & found.mask).any()]
    return room_for(found.mask, others).astype(np.uint8)

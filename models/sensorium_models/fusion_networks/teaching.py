"""Train one fusion network, measure it, write its file and its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.fusion_networks.evaluation import WORLDS, data_of, plan_of
from sensorium_models.fusion_networks.learning import Described, Learning, save_fusion
from sensorium_models.fusion_networks.measuring import measure
from sensorium_models.fusion_networks.network import FusionNetwork
from sensorium_models.training import Passes, Progress, Row, fit, write_card

FILE = "fusion.safetensors"
CARD = "fusion.md"


def teach(
    task: str,
    kind: str,
    folder: Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    drop: float = 0.2,
    tell: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train, measure, and write ``fusion.safetensors`` and ``fusion.md`` in ``folder``.

    What was begun there with the same numbers goes on. Raises UnknownName for another task or kind.
    """
    data = data_of(task)
    learning = Learning(data, kind, drop=drop)
    plan = plan_of(task, seed, steps)
    fitted = fit(learning, plan, folder, sampler=Passes(len(data.train)), on_progress=tell)
    network = fitted.network
    assert isinstance(network, FusionNetwork)
    spaces = dict.fromkeys(data.sizes, "" if task in WORLDS else f"{task} vectors")
    said = Described(task, kind, data.sizes, data.labels, {"drop": drop}, spaces)
    save_fusion(folder / FILE, network, said)
    found = {"weights": FILE, "network": kind, "seed": seed, **measure(network, data)}
    rows = [
        Row(name, rate["value"], rate["n"], tuple(rate["ci95"]),
            f"chance {data.chance:.1%}" if name == "as trained" else "")
        for name, rate in found["rates"].items()
    ]  # fmt: skip
    write_card(
        folder / CARD,
        name=f"{kind} fusion of {', '.join(data.sizes)}",
        about=_about(task, data.labels),
        command=f"sensorium train fusion --task {task} --network {kind} --steps {plan.steps}"
        f" --drop {drop:g} --seed {seed}",
        data=f"{len(data.train):,} rows of the task `{task}` to learn from,"
        f" {len(data.validation):,} to choose the weights by, {len(data.test):,} to measure with,"
        " from separate seeds. Made by the program itself: no person's data is in them.",
        rows=rows,
        fitted=fitted,
        files=[folder / FILE],
        notes="One training run, one seed: `sensorium evaluate fusion` compares three. Rows with a"
        " modality of another row are a control: the network does look at all of them.",
    )
    return found


def _about(task: str, labels: tuple[str, ...]) -> str:
    told = {
        "world_rooms": "Says whether what is said is true of what is seen and heard, in the"
        " synthetic world: one thing on a wall that makes a sound, and a claim about its colour and"
        " sound. Learnt with sounds louder and softer and with any hiss. Used by the component"
        " `fusion_network`.",
    }
    classes = ", ".join(labels)
    return f"{told.get(task, f'Learnt the made task `{task}`.')} Classes: {classes}."

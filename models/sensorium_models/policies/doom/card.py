"""The model card of the listening arenas' policies: what they learned from, how well they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium_models.policies.doom.network import DoomNetwork, parameters_of
from sensorium_models.policies.doom.training import BATCH, LEARNING_RATE, SEEDS
from sensorium_models.store.files import sha256_of

IDS = {"Find": "sensorium/DoomFind-v0", "Told": "sensorium/DoomTold-v0"}


def write_card(path: Path, weights: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write the card of ``weights``, which the first of ``runs`` made; the others differ from it
    in their seeds. Each is what `sensorium train doom --json` prints."""
    first = runs[0]
    plan, versions = first["plan"], first["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    rows = "\n".join(_row(run) for run in runs)
    ears = "hears" if first["hearing"] else "is deaf (it hears silence)"
    teacher = {
        "oracle": "the oracle, which knows the pillar",
        "guesser": "a teacher that goes to any pillar it sees, the best that can be done without"
        " hearing",
    }["guesser" if plan["guessing"] else "oracle"]
    command = (
        f"sensorium train doom --task {first['task']} --{'hearing' if first['hearing'] else 'deaf'}"
        f" --teacher {'guesser' if plan['guessing'] else 'oracle'} --seed {first['training_seed']}"
        f" --demos {plan['demonstrations']} --rounds {plan['rounds']} --updates {plan['updates']}"
    )
    size, seed = parameters_of(DoomNetwork()), first["training_seed"]
    path.write_text(
        f"""# {weights.name}

A policy for the listening arena `{IDS[first["task"]]}`, loaded by
`sensorium_models.policies.doom.model.DoomPolicy`, used by the planner `listener`. It sees the
camera and {ears}. Trained, not zero-shot.

| | |
|---|---|
| file | `{weights.name}`, {weights.stat().st_size:,} bytes, safetensors, float32 |
| sha256 | `{sha256_of(weights)}` |
| network | `sensorium_models.policies.doom.network.DoomNetwork`, {size:,} parameters |
| licence | that of this project; trained by it, from nothing |

## Data

{first["lessons"]} episodes ({first["steps"]:,} steps): {plan["demonstrations"]} were played by
{teacher};
the others by the policy itself, in {plan["rounds"]} rounds, and corrected by that teacher (DAgger).
Environment seeds from {(seed + 1) * SEEDS:,}. Made by the program: no person's data is in them.

## Training

{first["updates"]} steps of {BATCH} episodes, Adam, learning rate {LEARNING_RATE:g} falling to a
twentieth, seed {seed}, {first["processor_s"]:.0f} s of processor time on one thread,
playing included.

```
{command}
```

## Result

{first["episodes"]} episodes of the seeds from 0, none trained on; in lockstep, over the bus.
One pillar in four is the right one: 25 % is all that can be had without hearing.

| training seed | success | 95 % interval (Wilson) | n | SPL |
|---|---|---|---|---|
{rows}

Versions: {named}.
""",
        encoding="utf-8",
    )


def _row(run: Mapping[str, Any]) -> str:
    low, high = run["ci95"]
    return (
        f"| {run['training_seed']} | {run['success_rate']:.1%} | {low:.1%} to {high:.1%}"
        f" | {run['episodes']} | {run['spl']:.2f} |"
    )

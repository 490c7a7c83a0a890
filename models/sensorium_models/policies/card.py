"""The model card of a policy: what it learned from, how well it does, how to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium_models.policies.babyai import parameters_of
from sensorium_models.policies.cloning import BATCH, LEARNING_RATE, Cloned
from sensorium_models.policies.demonstrations import SEEDS, SHARD, Demonstrations
from sensorium_models.store.files import sha256_of


def write_card(
    path: Path,
    weights: Path,
    *,
    level: str,
    seed: int,
    shown: Demonstrations,
    cloned: Cloned,
    found: Mapping[str, Any],
    command: str,
) -> None:
    """Write the card. ``found`` is the report of the evaluation (:func:`sensorium_sims.suite.report`)."""  # noqa: E501
    low, high = found["ci95"]
    count, first = found["episodes"], found["seed"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    begin = (seed + 1) * SEEDS
    failed = ", ".join(f"{kind}: {n}" for kind, n in found["failed"].items()) or "none"
    path.write_text(
        f"""# {weights.name}

A policy for `{level}`, loaded by `sensorium_models.policies.model.BabyAIPolicy`, used by the
planner `policy`. It sees MiniGrid's symbolic view of 7x7 cells and reads the instruction.

| | |
|---|---|
| file | `{weights.name}`, {weights.stat().st_size:,} bytes, safetensors, float32 |
| sha256 | `{sha256_of(weights)}` |
| network | `sensorium_models.policies.babyai.BabyAINetwork`, {parameters_of(cloned.network):,} parameters |
| licence | that of this project; trained by it, from nothing |

## Data

{len(shown):,} episodes ({len(shown.actions):,} steps) of BabyAI's own bot, played in shards of {SHARD},
environment seeds from {begin:,}; {shown.left_out} left out because the bot hung or did not get there.
{cloned.held_back} of them were held back. Made by the program itself: no person's data is in them.

## Training

Behaviour cloning: {cloned.steps:,} steps of {BATCH} episodes ({cloned.passes:.1f} passes), Adam,
learning rate {LEARNING_RATE:g} falling as half a cosine, seed {seed}, {cloned.seconds:.0f} s on one thread.
Loss at the end {cloned.loss:.4f} nats an action; {cloned.agreement:.2%} of the bot's actions chosen
in the held-back episodes.

## Result

| | |
|---|---|
| success | {found["success_rate"]:.2%} of {count}, 95 % interval {low:.2%} to {high:.2%} (Wilson) |
| steps | {found["mean_steps"]:.1f} an episode |
| failed | {failed} |
| episodes | seeds {first} to {first + count - 1}, none of them trained on; in lockstep, over the bus |
| versions | {versions} |

One training run, one seed: how much it varies from run to run was not measured.

```
{command}
```
""",  # noqa: E501
        encoding="utf-8",
    )

"""``sensorium train``: teach a policy, and say how well it learned."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.errors import BadInput, MissingDependency
from sensorium.plugins import Plugins, load_plugins

if TYPE_CHECKING:
    from sensorium_models.policies.cloning import Cloned, Progress

MODEL = "babyai_policy"


@click.group()
def train() -> None:
    """Teach a policy by demonstration."""


@train.command()
@click.option("--level", default="BabyAI-GoToLocal-v0", show_default=True, help="A BabyAI id.")
@click.option("--demos", default=10_000, show_default=True, type=click.IntRange(2, 1_000_000))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", default=5.0, show_default=True, help="The most to spend on training.")
@click.option("--passes", default=10, show_default=True, type=click.IntRange(1))
@click.option("--episodes", default=512, show_default=True, type=click.IntRange(1, 1_000_000),
              help="To evaluate in, with the seeds 0, 1, ….")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/LEVEL]")
@click.option("--json", "as_json", is_flag=True, help="The evaluation as one JSON object.")
def babyai(
    level: str, demos: int, seed: int, minutes: float, passes: int, episodes: int,
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Clone BabyAI's bot in LEVEL: demonstrations, training, evaluation, weights and model card.

    Demonstrations are kept in OUT/demonstrations and used again by the next run. OUT then holds
    policy.safetensors and policy.md.
    """
    if minutes <= 0:
        raise BadInput(f"--minutes is above 0, not {minutes:g}")
    folder = out or Path("trained") / level.replace("/", "-")
    plugins = load_plugins()
    with redirect_stdout(sys.stderr):  # minigrid prints
        found = _train(level, demos, seed, minutes, passes, episodes, folder, plugins)
    low, high = found["ci95"]
    rate = found["success_rate"]
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{level}, {episodes} episodes that it was not trained on:")
    click.echo(f"  success    {rate:.2%} (95 % interval {low:.2%} to {high:.2%})")
    click.echo(f"  weights    {folder / 'policy.safetensors'}")
    click.echo(f"  card       {folder / 'policy.md'}")


def _train(
    level: str, demos: int, seed: int, minutes: float, passes: int, episodes: int, folder: Path,
    plugins: Plugins,
) -> dict[str, Any]:  # fmt: skip
    try:
        from sensorium_models.policies.card import write_card
        from sensorium_models.policies.cloning import clone
        from sensorium_models.policies.demonstrations import gather
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "training a policy", str(error.name), 'Run: pip install "sensorium[sim,language]"'
        ) from error
    shown = gather(
        level, demos, seed, folder / "demonstrations", plugins.environments,
        lambda done, wanted: _tell(f"demonstrations {done:,}/{wanted:,}"),
    )  # fmt: skip
    cloned = clone(shown, seed=seed, minutes=minutes, passes=passes, on_progress=_progress)
    _tell(f"chose the bot's action in {cloned.agreement:.2%} of the held-back steps")
    weights = folder / "policy.safetensors"
    _save(weights, cloned)
    found = _evaluate(level, episodes, weights, plugins)
    write_card(
        folder / "policy.md", weights, level=level, seed=seed, shown=shown, cloned=cloned,
        found=found,
        command=f"sensorium train babyai --level {level} --demos {demos} --seed {seed}"
        f" --minutes {minutes:g} --passes {passes} --episodes {episodes}",
    )  # fmt: skip
    return found


def _save(path: Path, cloned: Cloned) -> None:
    """Whole or not at all."""
    from safetensors.torch import save_file

    partial = path.with_suffix(".partial")
    save_file(cloned.network.state_dict(), partial)
    partial.replace(path)


def _evaluate(level: str, episodes: int, weights: Path, plugins: Plugins) -> dict[str, Any]:
    """Success over the bus, as `sensorium sim run LEVEL --agent policy` plays it."""
    from sensorium_agents.embodied import compose
    from sensorium_sims.suite import play, report

    model = {"placement": "inline", "options": {"weights": str(weights.resolve())}}
    asked = {"id": level, "episodes": episodes, "seed": 0}
    settings = compose("policy", asked, plugins, {"models": {MODEL: model}})
    done = 0

    def tell(ended: Any) -> None:
        nonlocal done
        done += 1
        if done % 64 == 0 or done == episodes:
            _tell(f"evaluation {done}/{episodes}")

    played = asyncio.run(play(settings, plugins, on_episode=tell))
    return report(played, environment=level, agent="policy", seed=0)


def _progress(at: Progress) -> None:
    _tell(f"step {at.step:,}  {at.share:.0%}  loss {at.loss:.4f}  {at.seconds:.0f} s")


def _tell(line: str) -> None:
    click.echo(line, err=True)

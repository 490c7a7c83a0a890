"""``sensorium train doom``: teach the listening arenas of ViZDoom, with ears or without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sensorium_agents.commands.systems import say, tell, training

if TYPE_CHECKING:
    from sensorium.plugins import Plugins
    from sensorium_models.policies.doom.training import Plan, Progress


@click.command("doom")
@click.option("--task", default="Find", show_default=True, type=click.Choice(["Find", "Told"]))
@click.option("--hearing/--deaf", default=True, show_default=True, help="A deaf one hears silence.")
@click.option("--teacher", type=click.Choice(["oracle", "guesser"]),
              help="oracle knows the pillar, guesser goes to any.  [default: oracle with ears,"
              " guesser without]")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--demos", default=80, show_default=True, type=click.IntRange(2, 100_000),
              help="Episodes that the teacher plays.")  # fmt: skip
@click.option("--rounds", default=2, show_default=True, type=click.IntRange(0, 100),
              help="Of playing and being corrected (DAgger).")  # fmt: skip
@click.option("--updates", default=60, show_default=True, type=click.IntRange(1, 100_000),
              help="Steps of Adam after each of these; twice as many at the end.")  # fmt: skip
@click.option("--episodes", default=256, show_default=True, type=click.IntRange(1, 1_000_000),
              help="To evaluate in, with the seeds 0, 1, ….")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("trained/doom"),
              show_default=True, help="Folder.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The evaluation as one JSON object.")
def command(
    task: Literal["Find", "Told"], hearing: bool, teacher: str | None, seed: int, demos: int,
    rounds: int, updates: int, episodes: int, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Teach a network `sensorium/DoomFind-v0` or `DoomTold-v0`; weights, evaluation, model card.

    OUT then holds NAME.safetensors, NAME.json (the figures) and NAME.md (the card), where NAME is
    find-hearing-SEED, find-deaf-SEED …. The same arguments give the same weights.
    """
    guessing = teacher == "guesser" or (teacher is None and not hearing)
    with training("training the Doom policy", "sim"):
        from sensorium.plugins import load_plugins
        from sensorium_models.policies.doom.training import Plan

        plan = Plan(demos, rounds, updates=updates, guessing=guessing)
        found = _train(task, hearing, seed, plan, episodes, out, load_plugins())
    say(found, as_json, _in_words)


def _train(
    task: Literal["Find", "Told"], hearing: bool, seed: int, plan: Plan, episodes: int, out: Path,
    plugins: Plugins,
) -> dict[str, Any]:  # fmt: skip
    import json
    from dataclasses import asdict

    from safetensors.torch import save_file

    from sensorium_agents.commands.evaluate_doom import play_arena
    from sensorium_models.policies.doom.card import write_card
    from sensorium_models.policies.doom.training import teach

    taught = teach(task, hearing=hearing, seed=seed, plan=plan, on_progress=_progress)
    out.mkdir(parents=True, exist_ok=True)
    ears = "hearing" if hearing else "deaf" if plan.guessing else "deaf-oracle"
    name = f"{task.lower()}-{ears}-{seed}"
    weights = out / f"{name}.safetensors"
    partial = weights.with_suffix(".partial")  # whole or not at all
    save_file(taught.network.state_dict(), partial)
    partial.replace(weights)
    found: dict[str, Any] = {
        "name": name, "task": task, "hearing": hearing, "training_seed": seed, "plan": asdict(plan),
        "lessons": taught.episodes, "steps": taught.steps, "updates": taught.updates,
        "processor_s": round(taught.seconds, 1), "weights": str(weights),
    }  # fmt: skip
    found |= play_arena(task, str(weights.resolve()), episodes, plugins, hearing=hearing)
    (out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_card(out / f"{name}.md", weights, [found])
    return found


def _in_words(found: Any) -> str:
    low, high = found["ci95"]
    return (
        f"{found['name']}, {found['lessons']} episodes, {found['processor_s']} s:\n"
        f"  success  {found['success_rate']:.1%} (95 % interval {low:.1%} to {high:.1%})"
        f" of {found['episodes']}\n"
        f"  weights  {found['weights']}"
    )


def _progress(at: Progress) -> None:
    tell(
        f"{at.part}: {at.episodes} episodes, {at.steps:,} steps, loss {at.loss:.3f},"
        f" won {at.won:.0%}, {at.seconds:.0f} s"
    )

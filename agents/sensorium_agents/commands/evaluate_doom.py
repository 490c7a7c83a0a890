"""``sensorium evaluate doom``: ears against no ears, in the same episodes of ViZDoom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import click

from sensorium_agents.commands.systems import say, tell, training

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


@click.command("doom")
@click.option(
    "--hearing", default="hearing", show_default=True, help="Weights of the one with ears."
)
@click.option("--deaf", default="deaf", show_default=True, help="Weights of one that does not.")
@click.option("--task", default="Find", show_default=True, type=click.Choice(["Find", "Told"]))
@click.option("--episodes", default=256, show_default=True, type=click.IntRange(1, 1_000_000),
              help="With the seeds 0, 1, ….")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    hearing: str, deaf: str, task: Literal["Find", "Told"], episodes: int, as_json: bool
) -> None:
    """Play two policies in the same episodes, and test whether the one that hears wins more.

    Weights are `hearing` and `deaf`, the bundled ones, or files that `sensorium train doom` wrote.
    The test is McNemar's, exact and two-sided.
    """
    with training("evaluating the Doom policy", "sim"):
        from sensorium.plugins import load_plugins
        from sensorium_models.policies.doom.paired import compare

        plugins = load_plugins()
        ears = play_arena(task, hearing, episodes, plugins, hearing=True)
        none = play_arena(task, deaf, episodes, plugins, hearing=False)
        paired = compare(ears["won"], none["won"])
    found = {
        "env": ears["env"], "episodes": episodes, "hearing": ears, "deaf": none,
        "hearing_only": paired.first_only, "deaf_only": paired.second_only,
        "p_value": paired.p_value,
    }  # fmt: skip
    say(found, as_json, _in_words)


def play_arena(
    task: str, weights: str, episodes: int, plugins: Plugins, *, hearing: bool
) -> dict[str, Any]:
    """Play over the bus as `sensorium sim run sensorium/DoomTASK-v0 --agent listener` does: its
    report, with every episode's outcome in ``won``. Without ears, these are unplugged."""
    import asyncio

    from sensorium_agents.embodied import compose
    from sensorium_sims.suite import play, report

    id_ = f"sensorium/Doom{task}-v0"
    model = {"placement": "inline", "options": {"weights": weights}}
    asked = {"id": id_, "episodes": episodes, "seed": 0}
    unplugged = () if hearing else ("ears", "microphone")
    settings = compose(
        "listener", asked, plugins, {"models": {"doom_policy": model}}, unplugged=unplugged
    )
    played = asyncio.run(play(settings, plugins))
    found = report(played, environment=id_, agent="listener", seed=0)
    rate, (low, high) = found["success_rate"], found["ci95"]
    tell(f"{task}: {rate:.1%} ({low:.1%} to {high:.1%}) of {episodes}")
    return found | {"won": [int(bool(episode.success)) for episode in played.episodes]}


def _in_words(found: Mapping[str, Any]) -> str:
    lines = [f"{found['env']}, {found['episodes']} episodes:"]
    for name in ("hearing", "deaf"):
        low, high = found[name]["ci95"]
        rate = found[name]["success_rate"]
        lines.append(f"  {name:<9} {rate:.1%} (95 % interval {low:.1%} to {high:.1%})")
    lines.append(
        f"  won by the hearing one alone {found['hearing_only']}, by the deaf one alone"
        f" {found['deaf_only']}: p = {found['p_value']:.2g}"
    )
    return "\n".join(lines)

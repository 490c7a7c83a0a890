"""``sensorium train avworld``: teach a policy to see, hear, read and find in AVWorld."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training

if TYPE_CHECKING:
    from sensorium_models.policies.avworld.teaching import Taught

TASKS = ("Refer", "AudioGoal", "Fetch", "Spoken", "SilentAfter", "MovingSource")
MODEL = "avworld_policy"


@click.command("avworld")
@click.option("--task", "tasks", multiple=True, type=click.Choice(TASKS), default=("Refer",),
              show_default=True, help="What to choose in; several make one policy.")  # fmt: skip
@click.option("--demos", default=40, show_default=True, type=click.IntRange(2, 10_000),
              help="Episodes that the oracle shows, of each task.")  # fmt: skip
@click.option("--rounds", default=2, show_default=True, type=click.IntRange(0, 20),
              help="Of DAgger: the policy plays, the oracle says what it would do.")  # fmt: skip
@click.option("--coached", default=60, show_default=True, type=click.IntRange(1, 10_000),
              help="Episodes of each task in each round.")  # fmt: skip
@click.option("--senses-steps", default=1200, show_default=True, type=click.IntRange(2),
              help="Of learning to see and hear, 64 moments each.")  # fmt: skip
@click.option("--readers-steps", default=600, show_default=True, type=click.IntRange(2),
              help="Of learning to read, 32 instructions each.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256),
              help="Processes that play.")  # fmt: skip
@click.option("--episodes", default=256, show_default=True, type=click.IntRange(1, 1_000_000),
              help="To evaluate in, of each task, with the seeds 0, 1, ….")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("trained/avworld"),
              show_default=True, help="Folder.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The evaluation as one JSON object.")
def command(
    tasks: tuple[str, ...], demos: int, rounds: int, coached: int, senses_steps: int,
    readers_steps: int, seed: int, workers: int, episodes: int, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Teach one policy for AVWorld: senses, readers, then the choice of where to go.

    Senses and readers learn from random moments, the choice from the oracle's episodes and then
    from its own (DAgger). What was played and learned is kept in OUT and used again. OUT then
    holds avworld.safetensors and avworld.md.
    """
    with training("training the AVWorld policy", "sim"):
        from sensorium_models.policies.avworld.teaching import Course, one_thread, teach

        one_thread()
        course = Course(
            tasks=tasks, demos=demos, rounds=rounds, coached=coached, seed=seed,  # type: ignore[arg-type]
            senses_steps=senses_steps, readers_steps=readers_steps, workers=workers,
        )  # fmt: skip
        taught = teach(course, out, on_progress=on_progress, tell=tell)
        found = {task: evaluate(task, taught.weights, episodes) for task in tasks}
        again = (
            f"sensorium train avworld {' '.join('--task ' + task for task in tasks)}"
            f" --demos {demos} --rounds {rounds} --coached {coached} --seed {seed}"
            f" --senses-steps {senses_steps} --readers-steps {readers_steps}"
        )
        write(out, taught, found, again)
    say({"tasks": found, "weights": str(taught.weights)}, as_json, _in_words)


def evaluate(
    task: str, weights: Path, episodes: int, seed: int = 0, **options: Any
) -> dict[str, Any]:
    """Over the bus, as `sensorium sim run sensorium/AVWorld-TASK-v0 --agent policy` plays it;
    ``options`` are the environment's, ``unplug`` the sensors that are taken away."""
    import asyncio

    from sensorium.plugins import load_plugins
    from sensorium_agents.embodied import compose
    from sensorium_sims.suite import play, report

    plugins, level = load_plugins(), f"sensorium/AVWorld-{task}-v0"
    unplug = options.pop("unplug", ())
    model = {"placement": "inline", "options": {"weights": str(weights.resolve())}}
    asked = {"id": level, "episodes": episodes, "seed": seed, "options": options}
    settings = compose("policy", asked, plugins, {"models": {MODEL: model}}, unplugged=unplug)
    done = 0

    def told(ended: Any) -> None:
        nonlocal done
        done += 1
        if done % 32 == 0 or done == episodes:
            tell(f"{task} {' '.join(unplug)} evaluation {done}/{episodes}")

    played = asyncio.run(play(settings, plugins, on_episode=told))
    return report(played, environment=level, agent="policy", seed=seed)


def write(out: Path, taught: Taught, found: Mapping[str, Mapping[str, Any]], again: str) -> None:
    """The model card."""
    from sensorium_models.training import Row, write_card

    rows = []
    for task, measured in found.items():
        low, high = measured["ci95"]
        spl = f"SPL {measured['spl']:.3f}, {measured['mean_steps']:.1f} steps"
        rows.append(Row(task, measured["success_rate"], measured["episodes"], (low, high), spl))
    shown, *coached = taught.rounds
    by_round = ", ".join(f"{r.successes} of {r.episodes} won" for r in coached)
    write_card(
        out / "avworld.md",
        name="avworld.safetensors",
        about="A policy for AVWorld, used by the planner `policy`. A modular one: it sees, hears"
        " and reads by networks, keeps a chart of what it perceived, chooses by a network which"
        " thing or edge of the chart to go to, and walks there by the shortest way on the chart.",
        command=again,
        data="Senses: random moments of training's maps with heard sounds, none twice. Choice:"
        f" {shown.episodes} episodes of the oracle; rounds of DAgger: {by_round or 'none'};"
        f" {sum(len(r.choices) for r in taught.rounds):,} labels in all,"
        f" {sum(r.left_out for r in taught.rounds)} episodes left out because they hung."
        " Environment seeds from 1,000,000 on; evaluation has those below.",
        rows=rows,
        fitted=taught.fitted,
        files=[taught.weights],
        packages=("gymnasium", "numpy"),
    )


def _in_words(found: Mapping[str, Any]) -> str:
    lines = []
    for task, measured in found["tasks"].items():
        low, high = measured["ci95"]
        lines.append(
            f"{task}, {measured['episodes']} episodes that it was not trained on:"
            f" {measured['success_rate']:.1%} (95 % interval {low:.1%} to {high:.1%}),"
            f" SPL {measured['spl']:.3f}"
        )
    return "\n".join([*lines, f"weights {found['weights']}"])

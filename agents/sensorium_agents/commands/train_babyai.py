"""``sensorium train babyai``: teach a policy by demonstration in BabyAI's levels."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.errors import BadInput
from sensorium.plugins import Plugins, load_plugins
from sensorium_agents.commands.systems import on_progress, say, tell, training

if TYPE_CHECKING:
    from sensorium_models.policies.teaching import Course, Taught

MODEL = "babyai_policy"
COUNT = click.IntRange(1, 500_000)
VARIATIONS = click.Choice(["colours", "things", "mirror"])


@click.command("babyai")
@click.option(
    "--level",
    "levels",
    multiple=True,
    metavar="ID[=DEMOS[+COACHED]]",
    help="What to teach; several make one policy.  [default: BabyAI-GoToLocal-v0]",
)
@click.option(
    "--demos",
    default=10_000,
    show_default=True,
    type=COUNT,
    help="Episodes of the bot, for each level that does not say its own.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option(
    "--demo-seed",
    type=click.IntRange(0, 1000),
    help="Of the demonstrations, where it is not --seed.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Processes that play.",
)
@click.option("--passes", default=10.0, show_default=True, help="Over all demonstrations.")
@click.option(
    "--minutes",
    type=float,
    help="The most processor time for cloning, its learning rate then spent.",
)
@click.option(
    "--rounds",
    default=0,
    show_default=True,
    type=click.IntRange(0, 9),
    help="DAgger: the policy plays, the bot says what it would do, both are cloned.",
)
@click.option(
    "--coached",
    default=2_000,
    show_default=True,
    type=click.IntRange(1, 50_000),
    help="Episodes a level of each round.",
)
@click.option(
    "--vary",
    multiple=True,
    type=VARIATIONS,
    help="Learn from each episode with colours exchanged, with keys, balls and boxes exchanged (not"
    " where keys open doors), or mirrored, at random each time; several may be given.",
)
@click.option("--round-passes", default=3.0, show_default=True, help="Over all there is by then.")
@click.option(
    "--memory",
    default=128,
    show_default=True,
    type=click.IntRange(8, 1024),
    help="Numbers that the policy keeps of an episode.",
)
@click.option(
    "--start",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights to begin with: a policy.safetensors of as much memory.",
)
@click.option(
    "--episodes",
    default=512,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="To evaluate each level in, with the seeds 0, 1, ….",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/LEVEL]")
@click.option(
    "--demonstrations",
    type=click.Path(path_type=Path),
    help="Their folder, which several runs may share.  [default: OUT/demonstrations]",
)
@click.option("--json", "as_json", is_flag=True, help="The evaluation as one JSON object.")
def command(levels: tuple[str, ...], out: Path | None, as_json: bool, **numbers: Any) -> None:
    """Clone BabyAI's bot in one or several levels, and put it at the policy's side.

    Demonstrations are kept in shards and used again. A run that was stopped goes on where it was
    when the same command is given again. OUT then holds policy.safetensors and policy.md.
    """
    asked, coached = _levels(levels or ("BabyAI-GoToLocal-v0",), numbers["demos"])
    if numbers["minutes"] is not None and numbers["minutes"] <= 0:
        raise BadInput(f"--minutes is above 0, not {numbers['minutes']:g}")
    folder = out or Path("trained") / "+".join(asked).replace("/", "-")
    plugins = load_plugins()
    with training("training a policy", "sim,language"):
        from sensorium_models.policies.cloning import one_thread
        from sensorium_models.policies.report import card_of
        from sensorium_models.policies.teaching import Course, teach

        course = Course(
            levels=asked,
            coached_in=coached,
            **{name: numbers[name] for name in (
                "seed", "demo_seed", "passes", "minutes", "memory", "rounds", "coached",
                "round_passes", "start", "vary",
            )},
        )  # fmt: skip
        taught = teach(
            course, folder, demonstrations=numbers["demonstrations"], workers=numbers["workers"],
            tell=tell, on_progress=on_progress,
        )  # fmt: skip
        with one_thread():
            found = [
                _evaluate(level, numbers["episodes"], taught.weights, plugins) for level in asked
            ]
        card_of(folder / "policy.md", course, taught, found, _command(course, numbers))
    say(_result(taught, found, folder), as_json, _in_words)


def _levels(given: tuple[str, ...], demos: int) -> tuple[dict[str, int], dict[str, int]]:
    """Demonstrations of each level, and coached episodes of those that say how many."""
    levels: dict[str, int] = {}
    coached: dict[str, int] = {}
    for text in given:
        level, equals, numbers = text.partition("=")
        count, plus, more = numbers.partition("+")
        if any(
            there and not (n.isdigit() and int(n)) for there, n in ((equals, count), (plus, more))
        ):
            raise BadInput(
                f"--level {text!r}: after = stands a number of demonstrations, and after + one of"
                " coached episodes a round"
            )
        if level in levels:
            raise BadInput(f"--level {level} was given twice")
        levels[level] = int(count) if equals else demos
        if plus:
            coached[level] = int(more)
    return levels, coached


def _command(course: Course, numbers: Mapping[str, Any]) -> str:
    """What gives the same weights again; where it is kept and how fast changes nothing."""
    parts = ["sensorium train babyai"]
    alike = len(set(course.levels.values())) == 1 and not course.coached_in
    for level, n in course.levels.items():
        more = f"+{course.coached_in[level]}" if level in course.coached_in else ""
        parts.append(f"--level {level}" + ("" if alike else f"={n}{more}"))
    if alike:
        parts.append(f"--demos {next(iter(course.levels.values()))}")
    parts.append(f"--seed {course.seed}")
    options = {option.name: option for option in command.params}
    for name in ("demo_seed", "passes", "minutes", "rounds", "coached", "round_passes", "memory",
                 "episodes"):  # fmt: skip
        if numbers[name] not in (None, options[name].default):
            parts.append(f"--{name.replace('_', '-')} {numbers[name]:g}")
    parts += [f"--vary {name}" for name in course.vary]
    if course.start is not None:
        parts.append(f"--start {course.start}")
    return " ".join(parts)


def _evaluate(level: str, episodes: int, weights: Path, plugins: Plugins) -> dict[str, Any]:
    """Success over the bus, as `sensorium sim run LEVEL --agent policy` plays it."""
    from sensorium_agents.embodied import compose
    from sensorium_sims.suite import play, report

    model = {"placement": "inline", "options": {"weights": str(weights.resolve())}}
    asked = {"id": level, "episodes": episodes, "seed": 0}
    settings = compose("policy", asked, plugins, {"models": {MODEL: model}})
    done = 0

    def count(ended: Any) -> None:
        nonlocal done
        done += 1
        if done % 64 == 0 or done == episodes:
            tell(f"{level}, evaluation {done}/{episodes}")

    played = asyncio.run(play(settings, plugins, on_episode=count))
    return report(played, environment=level, agent="policy", seed=0)


def _result(taught: Taught, found: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    learning = sum(each.fitted.spent_s for each in taught.rounds)
    playing = sum(
        shown.counts["cpu_ms"] / 1000 for each in taught.rounds for shown in each.shown.values()
    )
    return {
        "levels": found,
        "weights": str(taught.weights),
        "card": str(folder / "policy.md"),
        "agreement": [each.fitted.score for each in taught.rounds],
        "cpu_s": {"demonstrations": round(playing, 1), "training": round(learning, 1)},
    }


def _in_words(told: Mapping[str, Any]) -> str:
    lines = []
    for found in told["levels"]:
        low, high = found["ci95"]
        lines.append(f"{found['env']}, {found['episodes']} episodes that it was not trained on:")
        lines.append(
            f"  success    {found['success_rate']:.2%} (95 % interval {low:.2%} to {high:.2%})"
        )
    spent = told["cpu_s"]
    lines.append(f"weights      {told['weights']}")
    lines.append(f"card         {told['card']}")
    lines.append(
        f"processor    {spent['demonstrations']:.0f} s of demonstrations,"
        f" {spent['training']:.0f} s of training"
    )
    return "\n".join(lines)

"""``sensorium sim report``: results, learning curves and episodes on one page."""

from __future__ import annotations

import asyncio
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensorium.errors import BadInput
from sensorium_agents.commands.sim_agent import compose_for

if TYPE_CHECKING:
    from sensorium_sims.reporting.page import Shown


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out", required=True, metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Where the page and its pictures go.",
)  # fmt: skip
@click.option(
    "--episode", "episodes", multiple=True, metavar="ENV,AGENT[,SEED]",
    help="Show this episode, as a strip and a film; more than once if you like.",
)  # fmt: skip
@click.option(
    "--history", "histories", multiple=True, type=click.Path(path_type=Path),
    help="Draw the curves of this training: its folder, or its history.jsonl.",
)  # fmt: skip
@click.option("--films/--no-films", default=True, help="Keep films beside the strips.")
def report(
    results: tuple[Path, ...], out: Path, episodes: tuple[str, ...], histories: tuple[Path, ...],
    films: bool,
) -> None:  # fmt: skip
    """Write a page of RESULTS: files that `sensorium sim suite NAME --json` printed."""
    from sensorium_sims.reporting.page import read_history, read_results, write_report

    if not (results or episodes or histories):
        raise BadInput("nothing to report: name results, --episode or --history")
    suites = [read_results(path) for path in results]
    curves = {}
    for path in histories:
        file = path / "history.jsonl" if path.is_dir() else path
        curves[file.parent.name] = read_history(file)
    asked = [_asked(text) for text in episodes]
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    with redirect_stdout(sys.stderr):
        shown = [_show(*one, pictures, films) for one in asked]
    click.echo(write_report(out, suites, shown, curves, command=_command(episodes)))


def _command(episodes: tuple[str, ...]) -> str:
    named = "".join(f" --episode {text}" for text in episodes)
    return f"sensorium sim report RESULTS.json… --out DIR{named}"


def _asked(text: str) -> tuple[str, str, int]:
    parts = text.split(",")
    if len(parts) not in (2, 3) or not all(parts) or not (parts[2:] or ["0"])[0].isdigit():
        raise BadInput(f"--episode {text!r} is not ENV,AGENT or ENV,AGENT,SEED")
    return parts[0], parts[1], int((parts[2:] or ["0"])[0])


def _show(env: str, agent: str, seed: int, pictures: Path, keeps_film: bool) -> Shown:
    """Play one episode over the bus, filmed."""
    from sensorium_sims.reporting.page import Shown
    from sensorium_sims.reporting.strips import draw_strip, read_film
    from sensorium_sims.suite import play

    name = f"{env.rpartition('/')[2].removesuffix('-v0')}_{agent}_{seed}".lower().replace("-", "_")
    film = pictures / f"{name}.mp4"
    asked = {"id": env, "seed": seed, "episodes": 1, "video": str(film)}
    settings, plugins = compose_for(agent, asked)
    goals: list[str] = []
    played = asyncio.run(play(settings, plugins, on_start=lambda one: goals.append(one.goal)))
    (ended,) = played.episodes
    how = {True: "success", False: "no success", None: ended.ending}[ended.success]
    goal = f'"{goals[0]}", ' if goals and goals[0] else ""
    words = f"{goal}{agent}, seed {seed}: {how} after {ended.steps} steps"
    strip = pictures / f"{name}.png"
    draw_strip(read_film(film), ended.actions, words, strip)
    if not keeps_film:
        film.unlink()
    title = f"{env} with {agent}"
    if ended.error:
        words += f" ({ended.error})"
    return Shown(title, words, strip, film if keeps_film else None)

"""``sensorium bench``: measure Sensorium beside the limit of the language and beside its peers.

The benchmarks lie in ``benchmarks/`` of a checkout and are not part of the installed package, so
this command finds them beside the sources and says so where there are none.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from sensorium.errors import MissingDependency, UnknownName

CHECKOUT = Path(__file__).parents[3]
PACKAGE = "sensorium_benchmarks"


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, every value included.")
@click.option("--markdown", is_flag=True, help="As Markdown tables, as in docs/benchmarks.md.")
@click.option("--repeat", type=click.IntRange(min=1), help="Rounds.  [default: the benchmark's]")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Multiplies the work of every run; small values are quick and inexact.",
)
@click.option("--check", is_flag=True, help="Exit with 1 when a target is missed.")
@click.option(
    "--prompts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="wer: a folder with recordings and transcripts.tsv.  [default: the checkout's prompts]",
)
@click.option("--model", help="wer: a speech-to-text model of the store, or a folder.")
@click.pass_context
def bench(
    context: click.Context,
    names: tuple[str, ...],
    as_json: bool,
    markdown: bool,
    repeat: int | None,
    scale: float,
    check: bool,
    prompts: Path | None,
    model: str | None,
) -> None:
    """Run the benchmarks NAME, or all of them with the name all.

    startup: import and --help. bus: events a second and their latency, against asyncio.Queue and
    other libraries. hops: ten stages in a row. frames: pictures to another process. freshness: a
    60 Hz camera into a 50 ms perceiver. barge-in: stopping everything at once. workers: requests a
    second to a model in another process. recovery: a worker is killed. wer: errors of the speech
    recogniser on recordings of people.

    Contenders take turns, each run in a process of its own. The exit status is 1 when ours failed.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    suite = load_suite(CHECKOUT)
    chosen = _chosen(suite.BENCHMARKS, names)
    given = {"prompts": prompts and str(prompts.absolute()), "model": model}
    given = {key: value for key, value in given.items() if value is not None}
    if given and "wer" not in (one.name for one in chosen):
        raise click.UsageError(f"--{next(iter(given))} is an option of the benchmark wer")
    chosen = [one.with_parameters(**given) if one.name == "wer" else one for one in chosen]
    command = importlib.import_module(f"{PACKAGE}.command")
    context.exit(
        command.run(
            chosen,
            command=shlex.join(["sensorium", "bench", *sys.argv[2:]]),
            repetitions=repeat,
            scale=scale,
            json_wanted=as_json,
            markdown_wanted=markdown,
            check=check,
        )
    )


def load_suite(checkout: Path) -> ModuleType:
    """The suite of the ``checkout``, whose package can be imported from then on.

    Raises :class:`MissingDependency` where there is none.
    """
    folder = checkout / "benchmarks"
    if not (folder / PACKAGE / "__init__.py").is_file():
        raise MissingDependency(
            "sensorium bench",
            "the benchmarks folder of a checkout",
            "Clone the repository and install it from there: pip install -e .",
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(f"{PACKAGE}.suite")


def _chosen(there: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    if "all" in names:
        return list(there.values())
    for name in names:
        if name not in there:
            raise UnknownName("benchmark", name, there, "The name all runs every one of them.")
    return [there[name] for name in dict.fromkeys(names)]
